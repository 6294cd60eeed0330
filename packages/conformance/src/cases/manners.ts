/** The cases of good manners: one end for each prompt, nothing but frames on stdout, and nothing left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep, systemClock } from "@corral/kernel";
import type { Case } from "../case.ts";

const ends: Case = {
  name: "ends",
  says: "a prompt is answered once, and after its answer nothing more is said",
  anyWords: true,
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    // That nothing more comes is seen by waiting.
    await sleep(systemClock, 1_000);
    await actor.hear("ECHO:two");
    const late = actor.ear.all("session.updated").filter(({ data }) => data.stale);
    assert.deepEqual(
      late.map(({ data }) => data.update),
      [],
      "it goes on speaking when it has answered",
    );
    const odd = actor.ear.all("harness.notice").filter(({ data }) => data.kind === "unexpected_frame");
    assert.deepEqual(
      odd.map(({ data }) => data.text),
      [],
      "it says what nobody waits for",
    );
  },
};

const bytesOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

const quiet: Case = {
  name: "quiet",
  says: "nothing but frames stands on stdout",
  anyWords: true,
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    await actor.hear("ECHO:two");
    stage.needOwnProgram("what that prints is not told to one of them");
    await actor.session.change({ closed: true });
    const { data } = await actor.ear.heard("harness.exited");
    const stray = actor.ear.all("harness.notice").filter((notice) => notice.data.kind === "stray_output");
    const { head, tail, totalLines } = data.stderr;
    const stderrBytes = bytesOf([...head, ...tail]);
    stage.observed.noise = { strayLines: stray.length, stderrLines: totalLines, stderrBytes };
    assert.deepEqual(
      stray.map((notice) => notice.data.text),
      [],
    );
  },
};

const program = fileURLToPath(new URL("../programs/notes-server.ts", import.meta.url));

const close: Case = {
  name: "close",
  says: "a program whose input ends leaves, and takes with it all that it had started",
  anyWords: true,
  looksAtProcesses: true,
  async run(stage) {
    const server = {
      name: "notes",
      command: process.execPath,
      args: [program, join(stage.root, "notes.txt")],
      env: [],
    };
    const actor = await stage.open(stage.harness.capabilities.mcpTools ? { mcpServers: [server] } : {});
    await actor.hear("ECHO:one");
    assert.deepEqual(await stage.closeAndLook(actor), [], "Corral had to end what it left running");
  },
};

export const mannerCases: readonly Case[] = [ends, quiet, close];
