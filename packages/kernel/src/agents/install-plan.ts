/** What an installation is to be, worked out from a harness's data alone: its versions, its folder, its programs on this platform. */
import { join } from "node:path";
import { Fault } from "@corral/protocol";
import type { Harness, Install, Programs } from "../ports/harness.ts";

export type Packages = Install["packages"];
/** A harness as the installer sees it. */
export type Installable = Pick<Harness, "id" | "title" | "install">;

/** Where programs are to run. */
export interface Platform {
  /** `linux-x64` */
  readonly name: string;
  readonly musl: boolean;
  readonly node: string;
  readonly nodeVersion: string;
}

export interface Plan {
  readonly id: string;
  readonly title: string;
  readonly install: Install;
  readonly packages: Packages;
  readonly version: string;
  /** The folder's name, in which every version has its place; two plans with the same name are the same. */
  readonly folder: string;
}

export interface Artifact {
  /** `agent_process`: speaks the protocol for another program. */
  readonly kind: "native_agent" | "agent_process";
  readonly path: string;
  readonly source: "registry";
  readonly version: string;
}

/** What npm takes as an exact version; ranges, tags and addresses are none. */
const exactVersion = /^\d+\.\d+\.\d+(-[\w.-]+)?$/;

export const isExactVersion = (text: string): boolean => text.length <= 100 && exactVersion.test(text);

function packagesOf({ packages }: Install, version: string | undefined): Packages {
  if (version === undefined) return packages;
  const [main] = Object.keys(packages);
  return Object.fromEntries(Object.entries(packages).map(([name, pinned]) => [name, name === main ? version : pinned]));
}

export function planOf({ id, title, install }: Installable, version?: string): Plan | undefined {
  if (!install) return undefined;
  if (version !== undefined && !isExactVersion(version)) {
    throw new Fault("request.invalid", {
      detail: `"${version.slice(0, 100)}" is not an exact version.`,
      help: "Write it like 1.2.3; ranges and tags are not taken.",
    });
  }
  const packages = packagesOf(install, version);
  const versions = Object.values(packages);
  return { id, title, install, packages, version: versions[0] ?? "", folder: versions.join("+") };
}

/** The paths of the programs on this platform, inside `node_modules`. */
export function binsOf({ install, title }: Pick<Plan, "install" | "title">, { name, musl }: Platform) {
  return Object.entries(install.bins).map(([bin, where]) => {
    const path = typeof where === "string" ? where : ((musl ? where[`${name}-musl`] : undefined) ?? where[name]);
    if (path !== undefined) return { bin, path };
    throw new Fault("agent.install", {
      detail: `${title} has no program for ${name}.`,
      help: "Run it on another machine, or choose another agent.",
    });
  });
}

/** `@scope/name/bin/x` → `@scope/name` */
const packageOf = (path: string): string =>
  path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");

export const artifactsOf = (plan: Plan, platform: Platform, dir: string): readonly Artifact[] =>
  binsOf(plan, platform).map(({ path }) => ({
    kind: packageOf(path).endsWith("-acp") ? "agent_process" : "native_agent",
    path: join(dir, "node_modules", path),
    source: "registry",
    version: plan.packages[packageOf(path)] ?? plan.version,
  }));

export function programsOf(plan: Plan, platform: Platform, dir: string): Programs {
  const bins = new Map(binsOf(plan, platform).map(({ bin, path }) => [bin, join(dir, "node_modules", path)]));
  return { node: platform.node, version: plan.version, bin: (name) => bins.get(name) ?? unnamed(plan.title, name) };
}

/** What a harness has that is part of Corral. */
export const ownPrograms = (title: string, { node }: Platform): Programs => ({
  node,
  bin: (name) => unnamed(title, name),
});

function unnamed(title: string, name: string): never {
  throw new Error(`${title} names no program "${name}"`);
}

const parts = (version: string): readonly number[] => version.split(/[.-]/, 3).map(Number);

function isAtLeast(version: string, wanted: string): boolean {
  const [have, need] = [parts(version), parts(wanted)];
  const at = need.findIndex((part, index) => part !== (have[index] ?? 0));
  return at < 0 || (have[at] ?? 0) > (need[at] ?? 0);
}

/** npm under another Node would choose other releases than those that were asked for, without a word. */
export function refuseOldNode({ title, install: { minNode } }: Plan, { nodeVersion }: Platform): void {
  if (minNode === undefined || isAtLeast(nodeVersion, minNode)) return;
  throw new Fault("agent.install", {
    detail: `${title} needs Node ${minNode} or newer; this is ${nodeVersion}.`,
    help: "Run Corral with a newer Node.",
  });
}
