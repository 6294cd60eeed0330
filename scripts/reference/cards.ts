/** The capability cards of the real harnesses as text: one for a harness's own page, and all beside each other. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Card, cardLines, cardSchema } from "@corral/conformance";
import { harnesses } from "@corral/drivers";
import { code, table } from "./table.ts";

const folder = join(import.meta.dirname, "../../packages/drivers/src/harness/cards");
const fileOf = (id: string): string => join(folder, `${id}.json`);

function readCard(id: string): Card {
  if (!existsSync(fileOf(id))) throw new Error(`There is no card of ${id}. Run: node scripts/cards.ts ${id}`);
  return cardSchema.parse(JSON.parse(readFileSync(fileOf(id), "utf8")));
}

const named = ({ title, version }: Card): string => [title, version].filter(Boolean).join(" ");

const countOf = ({ cases }: Card): string => {
  const all = Object.values(cases);
  return `${all.filter(({ verdict }) => verdict === "passed").length} of ${all.length} cases`;
};

const asideIn = ({ cases }: Card): readonly string[] =>
  Object.entries(cases)
    .filter(([, { verdict }]) => verdict !== "passed")
    .map(([name, { verdict, why = "" }]) => `- ${code(name)} ${verdict}: ${why}.`);

/** The card on the page of its harness, whose name is the harness's id. */
export function cardText(page: string): string {
  const card = readCard(basename(page, ".md"));
  const lines = table(["", `${named(card)}: passes ${countOf(card)}`], cardLines(card));
  const aside = asideIn(card);
  return aside.length === 0 ? lines : `${lines}\n${aside.join("\n")}\n`;
}

export function cardsText(): string {
  const cards = harnesses.flatMap(({ id }) => (existsSync(fileOf(id)) ? [readCard(id)] : []));
  const columns = cards.map(cardLines);
  const lines = (columns[0] ?? []).map(([line], at) => [line, ...columns.map((column) => column[at]?.[1] ?? "")]);
  const names = cards.map((card) => `[${named(card)}](../harnesses/${card.harness}.md)`);
  return table(["", ...names], [["passes", ...cards.map(countOf)], ...lines]);
}
