/** The capability card of a harness: what the cases have shown of it, for programs and for people. */
import { z } from "zod";
import type { Observed } from "./case.ts";
import { programId } from "./find-out.ts";
import { hasProcessTable } from "./outside.ts";
import { type Result, type Subject, verdicts } from "./play.ts";

const how = z.enum(["new", "resume", "load", "replay", "fork"]);
const count = z.int().min(0);

const shown = z.boolean().optional().describe("Absent where nothing could be seen of it.");

export const cardSchema = z.strictObject({
  harness: z.string(),
  title: z.string(),
  version: z.string().optional(),
  resume: how.optional().describe("How it was brought back after it had left; `replay`: by being told what was said."),
  load: shown,
  fork: how.optional().describe("`fork`: by itself; `replay`: by being told what was said."),
  closeFreesProcesses: shown,
  cancelTextMs: count.optional(),
  cancelToolMs: count.optional(),
  permissionKinds: z.array(z.string()),
  images: shown,
  modelSwitch: shown,
  modeSwitch: shown,
  modes: z.array(z.string()),
  usage: shown,
  mcp: shown,
  residue: z
    .array(z.strictObject({ case: z.string(), left: z.string() }))
    .optional()
    .describe("Absent where no table of processes could be looked at."),
  noise: z.strictObject({ strayLines: count, stderrLines: count, stderrBytes: count }).optional(),
  cases: z.record(z.string(), z.strictObject({ verdict: z.enum(verdicts), why: z.string().optional() })),
});

export type Card = Readonly<z.infer<typeof cardSchema>>;

/** Which case decides about which line of the card. */
const decidedBy = {
  load: "load",
  closeFreesProcesses: "close",
  images: "image",
  modelSwitch: "model",
  modeSwitch: "mode",
  usage: "usage",
  mcp: "mcp",
} as const satisfies { readonly [Line in keyof Card]?: string };

function shownBy(results: readonly Result[], name: string): boolean | undefined {
  const verdict = results.find((one) => one.name === name)?.verdict;
  return verdict === undefined || verdict === "unseen" ? undefined : verdict === "passed";
}

const present = <Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** Files are seen everywhere; that no process is left is not, and then nothing is said. */
function residueIn(results: readonly Result[]): Card["residue"] {
  const left = results.flatMap(({ name, residue }) => (residue === undefined ? [] : [{ case: name, left: residue }]));
  return left.length > 0 || hasProcessTable ? left : undefined;
}

export function cardOf({ harness, version, ways }: Subject, results: readonly Result[]): Card {
  const observed: Observed = Object.assign({}, ...results.map((one) => one.observed));
  const { permissionKinds = [], modes = [], ...rest } = observed;
  const decided = Object.entries(decidedBy).map(([line, name]) => [line, shownBy(results, name)]);
  return cardSchema.parse({
    harness: harness.id,
    title: ways.found?.name ?? harness.title,
    ...present({ version }),
    ...rest,
    ...present(Object.fromEntries(decided)),
    permissionKinds: [...new Set(permissionKinds)],
    modes: [...modes],
    ...present({ residue: residueIn(results) }),
    cases: Object.fromEntries(results.map(({ name, verdict, why }) => [name, { verdict, ...present({ why }) }])),
  });
}

const yesNo = (value: boolean | undefined): string => (value === undefined ? "unseen" : value ? "yes" : "no");

const broughtBack = (value: string | undefined): string =>
  value === "replay" ? "told what was said (replay)" : value === undefined ? "unseen" : `natively (${value})`;

const noiseText = (noise: Card["noise"]): string =>
  noise === undefined
    ? "unseen"
    : `${noise.strayLines} stray lines, ${noise.stderrLines} lines (${noise.stderrBytes} bytes) on stderr`;

const residueText = (residue: Card["residue"]): string =>
  residue === undefined ? "unseen" : residue.map((one) => `${one.case}: ${one.left}`).join("; ") || "none";

/** A driver has a way of its own to bring its program back, and no other is tried. */
const loadText = ({ load, harness }: Card): string =>
  load === undefined && harness !== programId ? "not tried: its driver resumes as above" : yesNo(load);

const milliseconds = (value: number | undefined): string => (value === undefined ? "unseen" : `${value} ms`);

/** The card line by line, as tables show it. */
export const cardLines = (card: Card): readonly (readonly [string, string])[] => [
  ["resume", broughtBack(card.resume)],
  ["load", loadText(card)],
  ["fork", broughtBack(card.fork)],
  ["close frees processes", yesNo(card.closeFreesProcesses)],
  ["cancel while text comes", milliseconds(card.cancelTextMs)],
  ["cancel while a tool runs", milliseconds(card.cancelToolMs)],
  ["permission kinds", card.permissionKinds.join(", ") || "none"],
  ["images", yesNo(card.images)],
  ["model switch", yesNo(card.modelSwitch)],
  [
    "mode switch",
    card.modes.length > 0 ? `${yesNo(card.modeSwitch)} (${card.modes.join(", ")})` : yesNo(card.modeSwitch),
  ],
  ["usage", yesNo(card.usage)],
  ["MCP servers", yesNo(card.mcp)],
  ["residue", residueText(card.residue)],
  ["noise", noiseText(card.noise)],
];

/** Nothing failed, and nothing was left behind. */
export const isSound = ({ cases, residue }: Card): boolean =>
  (residue ?? []).length === 0 && Object.values(cases).every(({ verdict }) => verdict !== "failed");
