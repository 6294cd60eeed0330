/** The licences of what others wrote and the bundle carries. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** `node_modules/@agentclientprotocol/sdk/dist/acp.js` belongs to `node_modules/@agentclientprotocol/sdk`. */
const packageOf = (path: string): string | undefined => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? "" : await readFile(join(folder, file), "utf8");
  return `${name} ${version} (${license ?? "see below"})\n\n${text.trim()}\n`;
}

export async function licencesOf(root: string, inputs: readonly string[]): Promise<string> {
  const folders = [...new Set(inputs.flatMap((path) => packageOf(path) ?? []))].sort();
  const texts = await Promise.all(folders.map((folder) => licenceOf(join(root, folder))));
  return `Corral carries parts of these packages.\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
