/** The laws of the whole repository: no machine's paths or registries in any file, and dependencies that are pinned and explained. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Finding, lineOf } from "./law.ts";
import { root } from "./source.ts";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Every text file that is, or could be, committed. */
export function repositoryFiles(): readonly TextFile[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  return [...new Set(listed.toString("utf8").split("\0"))]
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

/** Paths and hosts that only exist on somebody's machine. `/home/user` and `/home/you` are anybody's. */
const machinePlaces: readonly RegExp[] = [
  /(?<![\w.~$}-])\/work\//g,
  /(?<![\w.~$}-])\/root\//g,
  /(?<![\w.~$}-])\/Users\/(?!you\b|user\b)\w+/g,
  /(?<![\w.~$}-])\/home\/(?!you\b|user\b|node\b|agent\b)\w+/g,
  /\bregistry\.[a-z0-9.-]+\.(com|org|net|io|dev|cloud|internal|local)\b/gi,
  /"resolved":\s*"https?:/g,
  /_auth(Token)?\s*=/g,
];

export const placesNamedIn = ({ path, text }: TextFile): readonly Finding[] =>
  machinePlaces.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({ path, line: lineOf(text, match.index), why: `names ${match[0]}` })),
  );

export interface Manifest {
  readonly path: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function readManifest(path: string): Manifest {
  const parsed = JSON.parse(readFileSync(join(root, path), "utf8")) as Partial<Manifest>;
  return { path, dependencies: parsed.dependencies ?? {}, devDependencies: parsed.devDependencies ?? {} };
}

export const manifests = (): readonly Manifest[] =>
  ["package.json", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/package.json`)]
    .filter((path) => existsSync(join(root, path)))
    .map(readManifest);

export const decisions = (): readonly TextFile[] =>
  readdirSync(join(root, "decisions"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => ({ path: `decisions/${name}`, text: readFileSync(join(root, "decisions", name), "utf8") }));

export const looseVersions = ({ path, dependencies, devDependencies }: Manifest): readonly Finding[] =>
  Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => ({ path, line: 1, why: `${name}: "${version}" is not one exact version` }));

/** Dependencies that no decision writes in `code quotes`. Our own packages need no reason. */
export const unexplained = (manifest: Manifest, pages: readonly TextFile[]): readonly Finding[] =>
  Object.keys(manifest.dependencies)
    .filter((name) => !name.startsWith("@corral/") && !pages.some(({ text }) => text.includes(`\`${name}\``)))
    .map((name) => ({ path: manifest.path, line: 1, why: `no decision says why we depend on ${name}` }));
