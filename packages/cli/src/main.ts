#!/usr/bin/env node
/** The executable: runs one command line and leaves with its exit code. */
import { runCommandLine } from "./program.ts";
import { shellOfProcess } from "./shell.ts";

// Timers and idle sockets of the house keep no program alive; a command that still waits for something does.
const waiting = setInterval(() => undefined, 60_000);
const code = await runCommandLine(process.argv.slice(2), shellOfProcess());
clearInterval(waiting);
// Whatever is still open belongs to nobody now, and must not keep the person waiting.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
