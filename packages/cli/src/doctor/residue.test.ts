/** What ended runs have left is shown as long as it is there, with what to do about it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ownerOf } from "@corral/kernel";
import type { SessionEvent } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Home, linesOf, openHome } from "../cli.fixture.ts";

let home: Home;
const left = new Set<ChildProcess>();
beforeEach(async () => {
  home = await openHome();
});
afterEach(async () => {
  for (const child of left) child.kill("SIGKILL");
  left.clear();
  await home[Symbol.asyncDispose]();
});

const residue = () => home.corral(["doctor", "residue"]);

/** A zombie is over: it only waits for its parent to look. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function eventsOfLast(): Promise<readonly SessionEvent[]> {
  const { stdout } = await home.corral(["sessions", "tail", "--after", "0", "--json", "last"]);
  return linesOf(stdout).map((line) => JSON.parse(line) as SessionEvent);
}

test("what a killed daemon left is warned of while it is there, and the next daemon says that it has ended it", async () => {
  const steps = ["double-fork", "ignore-sigterm", { say: "wait" }, "hang"];
  const file = await home.write("stay.json", JSON.stringify({ name: "stay", turns: [{ steps }] }));
  const daemon = await home.serve();
  const run = home.start(["run", "--story", file, "x"]);
  await run.says(/wait/);
  const grandchild = Number(await readFile(join(home.work, "grandchild.pid"), "utf8"));
  daemon.child.kill("SIGKILL");
  await daemon.ended;
  const looks = [await residue(), await residue()];
  for (const { code, stdout } of looks) {
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^warn {2}residue {2}.* left .*process/)]);
    expect(stdout).toContain(` ${grandchild}`);
    expect(stdout).toMatch(/→ The next start ends and removes it: `corral serve`/);
  }
  expect(isAlive(grandchild)).toBe(true);
  const next = await home.serve(["--port", new URL(daemon.url).port]);
  expect(next.stderr()).toMatch(new RegExp(`Ended and removed what a former life of it had left: .* ${grandchild}\\b`));
  expect(isAlive(grandchild)).toBe(false);
  expect((await residue()).stdout).toMatch(/^ok/);
  await run.ended;
  const told = (await eventsOfLast()).filter(({ type }) => type === "run.residue");
  expect(told).toMatchObject([{ synthetic: true, data: { processes: [], swept: { processes: expect.anything() } } }]);
});

test("what an ended run has left beside a daemon is warned of, with the session, the process and what to do", async () => {
  await home.serve();
  expect((await home.corral(["run", "--allow", "x"])).code).toBe(0);
  await home.corral(["sessions", "close", "last"]);
  const events = await eventsOfLast();
  const [run] = events.flatMap((event) => (event.type === "harness.exited" ? [event.data.run] : []));
  expect((await residue()).stdout).toMatch(/^ok/);
  const marks = { CORRAL_RUN: run, CORRAL_OWNER: ownerOf(join(home.folder, "state")) };
  const child = spawn("sleep", ["1000"], { env: { PATH: home.env.PATH, ...marks }, stdio: "ignore" });
  left.add(child);
  await once(child, "spawn");
  const { code, stdout } = await residue();
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`^warn {2}residue {2}.*${events[0]?.session} left 1 process \\(sleep ${child.pid}\\)`),
  );
  expect(stdout).toMatch(/→ Restart the daemon/);
});
