#!/usr/bin/env node
/** What an installed `corral` starts: the executable, compiled once and not again at every start. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/** By then a daemon has loaded what it needs; one that is killed later would never write it down. */
const settledMs = 1_500;

enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral"));
setTimeout(flushCompileCache, settledMs).unref();
await import("./main.ts");
