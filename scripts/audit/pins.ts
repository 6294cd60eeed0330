/** What the registry says of the packages that drivers pin: whether each pin is still there, and which release is the newest. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Harness } from "@corral/kernel";

export interface Pin {
  readonly agent: string;
  readonly name: string;
  readonly version: string;
}

export interface Published {
  readonly versions: readonly string[];
  readonly newest: string | undefined;
}

/** What a registry answered, or why it did not. */
export type Answer = Published | "no such package" | { readonly failed: string };

export interface Finding extends Pin {
  readonly newest: string;
  readonly verdict: "newest" | "older" | "gone" | "unknown";
  /** Of one that is unknown. */
  readonly why?: string;
}

export const pinsOf = (harnesses: readonly Pick<Harness, "id" | "install">[]): readonly Pin[] =>
  harnesses.flatMap(({ id: agent, install }) =>
    Object.entries(install?.packages ?? {}).map(([name, version]) => ({ agent, name, version })),
  );

export function findingOf(pin: Pin, answer: Answer): Finding {
  if (answer === "no such package") return { ...pin, newest: "", verdict: "gone" };
  if ("failed" in answer) return { ...pin, newest: "", verdict: "unknown", why: answer.failed };
  const { versions, newest = "" } = answer;
  if (!versions.includes(pin.version)) return { ...pin, newest, verdict: "gone" };
  return { ...pin, newest, verdict: newest === pin.version ? "newest" : "older" };
}

const heading = ["agent", "package", "pinned", "newest", ""];
const words = {
  newest: "is the newest",
  older: "there is a newer one",
  gone: "GONE: the registry does not have the pinned version",
  unknown: "could not be asked",
} as const satisfies Record<Finding["verdict"], string>;

export function tableOf(findings: readonly Finding[]): string {
  const lines = findings.map(({ agent, name, version, newest, verdict, why }) => [
    agent,
    name,
    version,
    newest || "?",
    why === undefined ? words[verdict] : `${words[verdict]}: ${why}`,
  ]);
  const all = [heading, ...lines];
  const widths = heading.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const listOf = (value: unknown): readonly string[] =>
  typeof value === "string" ? [value] : Array.isArray(value) ? value.map(String) : [];

/** Asks the registry that npm is set up for. A package of one release comes with a text instead of a list. */
export async function askRegistry(name: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  // Who asks may have told npm to be silent; why it failed is read off what it says.
  const flags = ["--json", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000", "--prefer-online"];
  try {
    const options = { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)("npm", ["view", name, "versions", "dist-tags", ...flags], options);
    const told = JSON.parse(stdout) as { versions?: unknown; "dist-tags"?: { latest?: string } };
    return { versions: listOf(told.versions), newest: told["dist-tags"]?.latest };
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? `${error.stderr}` : String(error);
    if (/\bE404\b/.test(said)) return "no such package";
    const telling = said.split("\n").flatMap((line) => /^npm (?:error|ERR!) +(.+)/.exec(line)?.[1] ?? []);
    return { failed: telling.slice(0, 2).join(" ") || (said.split("\n")[0] ?? "") };
  }
}
