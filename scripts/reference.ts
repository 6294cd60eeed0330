/** Writes what the reference pages read off the sources; with `--check` says instead which page no longer fits them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cardsText, cardText } from "./reference/cards.ts";
import { commandsText } from "./reference/commands.ts";
import { envelopeText, eventsText, streamLinesText } from "./reference/events.ts";
import { faultsText, operationsText, phasesText } from "./reference/tables.ts";
import { updatesText } from "./reference/updates.ts";

const root = join(import.meta.dirname, "..");
const folders = ["docs/harnesses", "docs/reference"];

/** What stands between the marks of each name. */
const parts: Readonly<Record<string, (page: string) => string | Promise<string>>> = {
  card: cardText,
  cards: cardsText,
  commands: commandsText,
  envelope: envelopeText,
  events: eventsText,
  faults: faultsText,
  operations: operationsText,
  phases: phasesText,
  "stream lines": streamLinesText,
  updates: updatesText,
};

const marked = /(<!-- made: (?<name>[a-z ]+) -->\n)[\s\S]*?(\n<!-- end -->)/g;

async function remade(path: string, text: string): Promise<string> {
  const names = [...text.matchAll(marked)].map(({ groups }) => groups?.name ?? "");
  const made = new Map<string, string>();
  for (const name of names) {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (part === undefined)
      throw new Error(`${path}: nothing makes "${name}"; there are ${Object.keys(parts).join(", ")}`);
    made.set(name, await part(path));
  }
  return text.replace(marked, (_, begin: string, name: string, end: string) => `${begin}\n${made.get(name)}${end}`);
}

const pagesIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `${folder}/${name}`);

const pages = folders.flatMap(pagesIn);

const check = process.argv.includes("--check");
for (const path of pages) {
  const kept = readFileSync(join(root, path), "utf8");
  const wanted = await remade(path, kept);
  if (wanted === kept) continue;
  if (check) {
    console.log(`${path} does not fit the sources. Run: node scripts/reference.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, path), wanted);
    console.log(`Wrote ${path}.`);
  }
}
