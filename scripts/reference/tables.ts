/** The tables of the protocol as text: faults, operations, and what each phase of a session allows. */
import { contract, faults, type Operation, type Phase, sessionAllows, sessionSchema } from "@corral/protocol";
import { code, table } from "./table.ts";

const operations: readonly (readonly [string, Operation])[] = Object.entries(contract);

export const faultsText = (): string =>
  table(
    ["code", "status", "try again", "what happened"],
    Object.entries(faults).map(([name, { status, retry, title }]) => [code(name), String(status), retry, title]),
  );

const anchor = (tag: string): string => `### ${tag.charAt(0).toUpperCase()}${tag.slice(1)}\n`;

function ofTag(tag: string): string {
  const rows = operations
    .filter(([, one]) => one.tag === tag)
    .map(([name, { method, path, status, summary, idempotent, faults: own }]) => [
      code(`${method} ${path}`),
      `${summary}${idempotent ? " Takes an `Idempotency-Key`." : ""}`,
      String(status),
      own.map(code).join(", "),
      code(name),
    ]);
  return `${anchor(tag)}\n${table(["request", "what it does", "status", "faults of its own", "name"], rows)}`;
}

export const operationsText = (): string => [...new Set(operations.map(([, { tag }]) => tag))].map(ofTag).join("\n");

const phases: readonly Phase[] = sessionSchema.shape.phase.options;

export const phasesText = (): string =>
  table(
    ["", ...phases.map(code)],
    Object.entries(sessionAllows).map(([verb, allowed]) => [
      code(verb),
      ...phases.map((phase) => ((allowed as readonly Phase[]).includes(phase) ? "yes" : "–")),
    ]),
  );
