/** `npm run build`: the installable package `corral` in `dist/`, with everything it needs inside; `npm pack ./dist` packs it. */
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./build/bundle.ts";
import { licencesOf } from "./build/licences.ts";

const root = join(import.meta.dirname, "..");

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines?: Readonly<Record<string, string>>;
}

const readManifest = async (path: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(root, path), "utf8")) as Manifest;

async function manifestText(): Promise<string> {
  const { version, license } = await readManifest("packages/cli/package.json");
  const { engines } = await readManifest("package.json");
  const manifest = {
    name: "corral",
    version,
    description: "Runs any coding agent behind one API; nothing is lost, nothing hangs, nothing is left behind.",
    license,
    type: "module",
    bin: { corral: "lib/corral.js" },
    engines,
    files: ["lib", "THIRD-PARTY.txt"],
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

async function buildPackage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const { bytes, inputs } = await bundle({ root, folder: join(folder, "lib") });
  await writeFile(join(folder, "package.json"), await manifestText());
  await writeFile(join(folder, "THIRD-PARTY.txt"), await licencesOf(root, inputs));
  for (const file of ["LICENSE", "README.md"]) await copyFile(join(root, file), join(folder, file));
  console.log(`${folder}: ${(bytes / 1024).toFixed(0)} KB of JavaScript out of ${inputs.length} files`);
}

const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
await buildPackage(resolve(values.out));
