/** Names of things: a prefix that tells the kind, and 26 letters that sort by time of birth. */
import { z } from "zod";

export const idPrefixes = { session: "ses", turn: "trn", ask: "ask", run: "run" } as const;

export type IdKind = keyof typeof idPrefixes;
export type Id<Kind extends IdKind> = `${(typeof idPrefixes)[Kind]}_${string}` & { readonly __kind: Kind };
export type SessionId = Id<"session">;
export type TurnId = Id<"turn">;
export type AskId = Id<"ask">;
export type RunId = Id<"run">;

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const timeLetters = 10;
const chanceLetters = 16;

/** A time and sixteen bytes of chance make an id; ids made later sort later. */
export function makeId<Kind extends IdKind>(kind: Kind, epochMs: number, chance: Uint8Array): Id<Kind> {
  let time = "";
  for (let rest = Math.floor(epochMs), i = 0; i < timeLetters; i++, rest = Math.floor(rest / 32)) {
    time = alphabet.charAt(rest % 32) + time;
  }
  let tail = "";
  for (let i = 0; i < chanceLetters; i++) tail += alphabet.charAt((chance[i] ?? 0) % 32);
  return `${idPrefixes[kind]}_${time}${tail}` as Id<Kind>;
}

const patternOf = (kind: IdKind): RegExp => new RegExp(`^${idPrefixes[kind]}_[${alphabet}]{26}$`);

/** The schema that parses an id at the door; behind it the kind is in the type. */
export const idSchema = <Kind extends IdKind>(kind: Kind) =>
  z
    .string()
    .regex(patternOf(kind), `must look like ${idPrefixes[kind]}_ and 26 letters`)
    .meta({ example: `${idPrefixes[kind]}_01k9w3x5v7e8r2t4y6p8a0s1d3` }) as unknown as z.ZodType<Id<Kind>, string>;

export const isId = <Kind extends IdKind>(kind: Kind, text: string): text is Id<Kind> => patternOf(kind).test(text);
