/** What becomes of each kind of update as text, and in which recorded conversations it was seen. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { coverageOf, updateCoverage } from "@corral/protocol";
import { code, table } from "./table.ts";

const folder = join(import.meta.dirname, "../../fixtures/transcripts");
const ending = "-acp.folded.json";

interface Recorded {
  readonly agent: string;
  readonly kinds: ReadonlySet<string>;
}

const recordings = (): readonly Recorded[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => {
      const { kinds } = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return { agent: name.slice(0, -ending.length), kinds: new Set(Object.keys(kinds)) };
    });

const named = (name: string | undefined): string => (name === undefined ? "" : code(name));

export function updatesText(): string {
  const recorded = recordings();
  const kinds = new Set([...Object.keys(updateCoverage), ...recorded.flatMap((one) => [...one.kinds])]);
  const rows = [...kinds].map((kind) => {
    const { item, part, state } = coverageOf(kind);
    const seen = recorded.map((one) => (one.kinds.has(kind) ? "yes" : ""));
    return [code(kind), named(item), named(part), named(state), ...seen];
  });
  return table(["update", "item", "part", "session field", ...recorded.map(({ agent }) => agent)], rows);
}
