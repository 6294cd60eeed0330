/** Writes the OpenAPI document that is kept with the sources; with `--check` says instead whether it still fits the contract. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { apiVersion, openApi } from "@corral/protocol";

const root = join(import.meta.dirname, "..");
const kept = "docs/reference/openapi.json";

/** The document of the sources names the API's version; that of a running daemon names its release. */
const wanted = `${JSON.stringify(openApi({ version: String(apiVersion) }), undefined, 2)}\n`;

interface Change {
  readonly at: string;
  readonly was: unknown;
  readonly is: unknown;
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function changes(was: unknown, is: unknown, at = ""): readonly Change[] {
  if (isTree(was) && isTree(is)) {
    const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    const changed = names.flatMap((name) => changes(was[name], is[name], `${at}/${name.replaceAll("/", "~1")}`));
    const moved = changed.length === 0 && JSON.stringify(was) !== JSON.stringify(is);
    return moved ? [{ at, was: Object.keys(was), is: Object.keys(is) }] : changed;
  }
  return Object.is(was, is) ? [] : [{ at, was, is }];
}

const short = (value: unknown): string => (value === undefined ? "absent" : JSON.stringify(value).slice(0, 300));

async function readKept(): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(root, kept), "utf8"));
  } catch (error) {
    console.log(`${kept} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function check(): Promise<void> {
  const found = changes(await readKept(), JSON.parse(wanted));
  if (found.length === 0) return;
  console.log(`${kept} does not fit the contract (${found.length} differences). Run: node scripts/openapi.ts`);
  for (const { at, was, is } of found.slice(0, 40)) console.log(`\n${at || "/"}\n  - ${short(was)}\n  + ${short(is)}`);
  process.exitCode = 1;
}

async function write(): Promise<void> {
  await mkdir(dirname(join(root, kept)), { recursive: true });
  await writeFile(join(root, kept), wanted);
  console.log(`Wrote ${kept}.`);
}

await (process.argv.includes("--check") ? check() : write());
