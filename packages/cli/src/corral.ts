#!/usr/bin/env node
/** What an installed `corral` starts: the executable, compiled once and not again at every start. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/** By then a daemon has loaded what it needs. */
const settledMs = 1_500;

/** Loading leaves garbage, and a daemon that nobody uses yet makes no more of it, so it would never be collected. */
function tidy(): void {
  // Not imported: nobody has time for them at the start.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  // An engine that has no such function tidies up by itself.
  const collect = runInNewContext("globalThis.gc") as ((how: { readonly type: "minor" }) => void) | undefined;
  // What survives twice has left the place where the young live, and the place is given back.
  for (const _ of [1, 2]) collect?.({ type: "minor" });
}

enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral"));
const settled = setTimeout(() => {
  tidy();
  // A daemon that is killed later would never write down what it has compiled.
  flushCompileCache();
}, settledMs);
settled.unref();
await import("./main.ts");
