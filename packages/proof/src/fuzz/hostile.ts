/** A harness that speaks the protocol as its enemy would: from its first answer on, by a script that says what it writes. */
import { acpHarness, type Harness } from "@corral/kernel";
import { agentCapabilitiesSchema } from "@corral/protocol";
import type { Chance } from "../seeded.ts";
import { linesOf, placeholders } from "./frames.ts";
import { anyValue, bent, written } from "./json.ts";

/** What it does when a request of one kind comes. */
interface Act {
  readonly lines: readonly string[];
  readonly next: "go on" | "exit" | "hang up" | "deafen";
}

type Script = Readonly<Record<string, readonly Act[]>>;

/** The file of its workspace in which it finds its script. */
export const scriptName = ".script.json";

/** Reads requests, and plays the next act of their method; the last act again and again. */
const program = `
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
const script = JSON.parse(readFileSync("${scriptName}", "utf8"));
const played = {};
const fill = (line, id) =>
  line.replaceAll("{{session}}", "native-1").replaceAll("{{cwd}}", process.cwd()).replaceAll('"{{id}}"', JSON.stringify(id ?? null));
process.stdout.on("error", () => process.exit(0));
createInterface({ input: process.stdin }).on("line", (text) => {
  let frame;
  try { frame = JSON.parse(text); } catch { return; }
  const acts = script[frame.method] ?? [];
  const at = played[frame.method] ?? 0;
  played[frame.method] = at + 1;
  const act = acts[Math.min(at, acts.length - 1)];
  if (!act) return;
  process.stdout.write(act.lines.map((line) => fill(line, frame.id) + "\\n").join(""), () => {
    if (act.next === "exit") process.exit(9);
    if (act.next === "hang up") { process.stdout.end(); process.stdin.destroy(); setInterval(() => {}, 1e6); }
    if (act.next === "deafen") process.on("SIGTERM", () => {});
  });
}).on("close", () => process.exit(0));
`;

const answer = (chance: Chance, result: unknown, share: number): string =>
  written(chance, {
    jsonrpc: "2.0",
    id: placeholders.id,
    result: chance.maybe(share) ? bent(chance, result, 0.2) : result,
  });

const hello = (chance: Chance): unknown => ({
  protocolVersion: 1,
  agentInfo: { name: "hostile", version: "1" },
  agentCapabilities: {
    loadSession: true,
    promptCapabilities: { image: anyValue(chance, 0) },
    sessionCapabilities: { resume: {}, fork: {}, close: {} },
  },
});

const opened = (chance: Chance): unknown => ({
  sessionId: "native-1",
  configOptions: [{ id: "model", category: "model", options: [{ value: "a" }], currentValue: anyValue(chance, 1) }],
  modes: { currentModeId: "x", availableModes: anyValue(chance, 2) },
});

const ends = (chance: Chance): Act["next"] =>
  chance.maybe(0.75) ? "go on" : chance.pick(["exit", "hang up", "deafen"] as const);

/** Mostly it gets as far as the prompt, or there would be little to see. */
export function scriptOf(chance: Chance, lines: number): Script {
  const greet = (result: unknown): Act => ({
    lines: [...linesOf(chance, chance.below(3)), ...(chance.maybe(0.96) ? [answer(chance, result, 0.15)] : [])],
    next: chance.maybe(0.97) ? "go on" : ends(chance),
  });
  const play = (): Act => ({
    lines: [
      ...linesOf(chance, lines),
      ...(chance.maybe(0.7) ? [answer(chance, { stopReason: "end_turn", usage: anyValue(chance, 2) }, 0.5)] : []),
      ...linesOf(chance, chance.below(4)),
    ],
    next: ends(chance),
  });
  const [initialize, open] = [greet(hello(chance)), greet(opened(chance))];
  return {
    initialize: [initialize],
    "session/new": [open],
    "session/load": [open],
    "session/resume": [greet({})],
    "session/prompt": [play(), play()],
    "session/cancel": [play()],
    "session/close": [{ lines: linesOf(chance, 2), next: "go on" }],
  };
}

export const linesIn = (script: Script): number =>
  ["initialize", "session/new", "session/prompt"].reduce(
    (sum, method) => sum + (script[method] ?? []).reduce((lines, act) => lines + act.lines.length, 0),
    0,
  );

export const hostile: Harness = acpHarness({
  id: "hostile",
  title: "Hostile harness",
  secrets: [],
  capabilities: agentCapabilitiesSchema.parse(
    Object.fromEntries(Object.keys(agentCapabilitiesSchema.shape).map((name) => [name, false])),
  ),
  launch: ({ hostEnv }) => ({
    command: process.execPath,
    args: ["--input-type=module", "--eval", program],
    env: { PATH: hostEnv.PATH ?? "" },
  }),
});
