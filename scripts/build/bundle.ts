/** Bundles the executable and the programs that it starts into one folder of plain JavaScript. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type BuildResult, build, type Plugin } from "esbuild";

export interface BundleNeed {
  readonly root: string;
  /** Made if it is not there. */
  readonly folder: string;
}

export interface Bundle {
  readonly bytes: number;
  /** The files, relative to the root, of which something went into the bundle. */
  readonly inputs: readonly string[];
}

/** `new URL("./program.ts", import.meta.url)`: another program, found from the place where this one lies. */
const programUrl = /new URL\(\s*"(\.[^"]+)\.ts",\s*import\.meta\.url,?\s*\)/g;

const programsIn = (text: string, path: string): readonly string[] =>
  [...text.matchAll(programUrl)].map(([, to = ""]) => resolve(dirname(path), `${to}.ts`));

/** All programs lie in one folder, so that each finds the others beside itself. */
const besides = (text: string): string =>
  text.replaceAll(programUrl, (_, to: string) => `new URL("./${basename(to)}.js", import.meta.url)`);

/** Of a namespace only what is used goes in; of an object that is exported, everything: of zod every language there is. */
const namespaced = (text: string): string =>
  text.replaceAll(/^import \{ z \} from "zod";$/gm, 'import * as z from "zod";');

/** Reads our sources as they go into the bundle, and tells which programs they name. */
const sources = (root: string, onProgram: (path: string) => void): Plugin => ({
  name: "corral-sources",
  setup({ onLoad, onResolve }) {
    // What is imported from our sources and not used is left out: no module does anything but declare.
    onResolve({ filter: /^(\.|@corral\/)/ }, ({ path, resolveDir }) => {
      const found = path.startsWith(".")
        ? resolve(resolveDir, path)
        : join(root, "packages", path.slice(8), "src/index.ts");
      return found.startsWith(join(root, "packages")) ? { path: found, sideEffects: false } : undefined;
    });
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(join(root, "packages"))) return undefined;
      const text = await readFile(path, "utf8");
      for (const program of programsIn(text, path)) onProgram(program);
      return { contents: namespaced(besides(text)), loader: "ts" };
    });
  },
});

/** To get at everything of this module, as an import of it does, takes milliseconds of each start; it is there already. */
const presentProcess: Plugin = {
  name: "present-process",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:process$/ }, ({ path }) => ({ path, namespace: "present" }));
    onLoad({ filter: /.*/, namespace: "present" }, () => ({ contents: "export default globalThis.process;" }));
  },
};

type Built = BuildResult<{ metafile: true; write: false }>;

const bundleAll = (root: string, folder: string, programs: Set<string>): Promise<Built> =>
  build({
    entryPoints: Object.fromEntries([...programs].map((path) => [basename(path, ".ts"), path])),
    absWorkingDir: root,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    supported: { using: true },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    chunkNames: "[name]-[hash]",
    // The same code as a module: the build of yaml for Node asks for its parts while it runs.
    alias: { yaml: join(root, "node_modules/yaml/browser/index.js") },
    plugins: [presentProcess, sources(root, (path) => programs.add(path))],
    metafile: true,
    write: false,
    logLevel: "warning",
  });

async function write(built: Built, folder: string): Promise<Bundle> {
  await mkdir(folder, { recursive: true });
  for (const { path, contents } of built.outputFiles) {
    await writeFile(path, contents, { mode: basename(path) === "corral.js" ? 0o755 : 0o644 });
  }
  const bytes = built.outputFiles.reduce((sum, { contents }) => sum + contents.byteLength, 0);
  const used = Object.values(built.metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  return { bytes, inputs: [...new Set(used)].sort() };
}

/** A program that is named by what goes into the bundle goes in as well, and so does what it names itself. */
export async function bundle({ root, folder }: BundleNeed): Promise<Bundle> {
  const programs = new Set([join(root, "packages/cli/src/corral.ts")]);
  for (;;) {
    const known = programs.size;
    const built = await bundleAll(root, folder, programs);
    if (programs.size === known) return write(built, folder);
  }
}
