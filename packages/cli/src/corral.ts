#!/usr/bin/env node
/** What an installed `corral` starts: the executable, compiled once and not again at every start, in as little memory as it needs. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";

/** By then a daemon has loaded what it needs. */
const settledMs = 1_500;

enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral"));
// What is loaded at the start stays; room for it to die young would never be given back.
setFlagsFromString("--semi-space-growth-factor=1");
const settled = setTimeout(() => {
  setFlagsFromString("--semi-space-growth-factor=2");
  // A daemon that is killed later would never write down what it has compiled.
  flushCompileCache();
}, settledMs);
settled.unref();
await import("./main.ts");
