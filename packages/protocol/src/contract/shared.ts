/** Pieces that several tables of the contract use: ids in paths, paging, strict booleans of a query. */
import { z } from "zod";
import { idSchema } from "../ids.ts";

export const sessionParams = z.object({ session: idSchema("session") });

/** A query knows only text: `true` and `false`, nothing else. */
export const flag = z
  .enum(["true", "false"])
  .transform((text) => text === "true")
  .meta({ override: { type: "boolean" } });

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`)
    .meta({ override: { type: "integer", minimum: min, maximum: max } });

export const cursorQuery = integer(0, Number.MAX_SAFE_INTEGER).describe("The cursor of the last event the caller has.");
export const limitQuery = (max: number) => integer(1, max).describe("At most so many items in a page.");
export const waitMsQuery = integer(0, 30_000).describe(
  "Waits so long for the first item before it answers with an empty page.",
);

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next: z.string().optional().describe("Where the next page starts; absent on the last."),
  });
