/** A program that starts children for a state directory, tells their pids, and waits to be killed. */

import { systemClock } from "../ports/clock.system.ts";
import { newRun, searchPath, shell } from "./process.fixture.ts";
import { createProcesses, ownerOf } from "./processes.ts";

const stateDir = process.argv[2] ?? "";
const processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(stateDir), hostEnv: {} });
const run = newRun();
const directory = await processes.tempDir(run);
const script = 'trap "" HUP TERM; (setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!); while :; do sleep 1; done';
const env = { PATH: searchPath };
const child = await processes.spawn({ run, name: "left", command: shell, args: ["-c", script], cwd: stateDir, env });
child.stdout.once("data", (chunk: Buffer) => {
  const grandchild = Number(chunk.toString("utf8"));
  process.stdout.write(`${JSON.stringify({ run, child: child.pid, grandchild, directory })}\n`);
});
