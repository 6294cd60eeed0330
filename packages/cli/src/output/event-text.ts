/** One event as one plain line: what `sessions tail` prints. */
import { chunkText, promptText, type SessionEvent, type SessionUpdate } from "@corral/protocol";
import { oneLine } from "./harmless.ts";
import { leftText } from "./left-text.ts";

const text = (thing: unknown): string => (typeof thing === "string" ? thing : "");

const updateText = (update: SessionUpdate): string =>
  [update.sessionUpdate, chunkText(update) ?? [text(update.title), text(update.status)].filter(Boolean).join(" ")]
    .filter(Boolean)
    .join(": ");

type Say<Type extends SessionEvent["type"]> = (event: Extract<SessionEvent, { type: Type }>) => string;

const says: { readonly [Type in SessionEvent["type"]]: Say<Type> } = {
  "session.opened": ({ data }) => `${data.agent} in ${data.cwd}`,
  "session.configured": ({ data }) => Object.keys(data).join(", "),
  "session.renamed": ({ data }) => data.title,
  "session.updated": ({ data }) => `${data.stale ? "(late) " : ""}${updateText(data.update)}`,
  "session.closed": ({ data }) => `by ${data.reason}`,
  "harness.installed": ({ data }) => `${data.version} in ${Math.round(data.ms / 1000)} s`,
  "harness.started": ({ data }) => [data.how, data.name, data.version].filter(Boolean).join(" "),
  "harness.exited": ({ data }) =>
    `${data.signal ? `signal ${data.signal}` : `code ${data.code ?? "unknown"}`}${data.expected ? "" : ", unexpectedly"}`,
  "harness.stalled": ({ data }) => `silent for ${Math.round(data.silentMs / 1000)} s`,
  "harness.notice": ({ data }) => `${data.kind}: ${data.text}`,
  "turn.queued": ({ data }) => promptText(data.prompt),
  "turn.started": () => "",
  "turn.updated": ({ data }) => updateText(data.update),
  "turn.steered": ({ data }) => promptText(data.prompt),
  "turn.asked": ({ data }) => `${data.title} (${data.ask})`,
  "turn.answered": ({ data }) => [data.outcome, data.option?.name, `by ${data.by}`].filter(Boolean).join(" "),
  "turn.ended": ({ data }) => [data.outcome, data.fault ? `${data.fault.code}: ${data.fault.detail}` : ""].join(" "),
  "run.residue": ({ data }) =>
    `${data.processes.length} processes, ${data.ports.length} ports, ${data.directories.length} directories${
      data.swept ? `; ended and removed after a crash: ${leftText([data.swept])}` : ""
    }`,
};

export function eventText(event: SessionEvent, letters: number): string {
  const say = says[event.type] as Say<SessionEvent["type"]> | undefined;
  const head = `${String(event.cursor).padStart(5)}  ${event.at.slice(11, 23)}  ${event.type.padEnd(18)}`;
  return oneLineAfter(head, say?.(event as never) ?? "", letters);
}

const oneLineAfter = (head: string, rest: string, letters: number): string =>
  `${head}  ${oneLine(rest, Math.max(20, letters - head.length - 2))}`.trimEnd();
