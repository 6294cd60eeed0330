/** A run leaves nothing behind, whatever its programs try. */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { openLeaves } from "./cgroup.ts";
import { firstLine, newRun, openStage, type Stage, searchPath, until, watchPid } from "./process.fixture.ts";
import { findLeftovers, ownerOf } from "./processes.ts";
import { keptFolders } from "./run-folders.ts";

let stage: Stage;
beforeEach(() => {
  stage = openStage();
});
afterEach(() => stage.end());

const clean = { processes: [], ports: [], sockets: [], directories: [] };
const quick = { eofMs: 50, termMs: 50 };

/** Starts a script that prints the pid of something it leaves behind. */
async function startLeaver(text: string) {
  const child = await stage.processes.spawn(stage.script(text));
  const pid = Number(await firstLine(child.stdout));
  return { child, pid, alive: watchPid(pid) };
}

describe("closing", () => {
  test("a child that ends when its input ends is not signalled", async () => {
    const child = await stage.processes.spawn(stage.script("trap 'exit 9' TERM; cat; exit 0"));
    expect(await child.close({ eofMs: 20_000 })).toMatchObject({ code: 0 });
    expect(await stage.processes.residue(child.run)).toMatchObject(clean);
  });

  test("a child that ignores the end of its input and SIGTERM is killed", async () => {
    const { child } = await startLeaver("trap '' TERM HUP; echo $$; while :; do sleep 1; done");
    expect((await child.close(quick)).signal).toBe("SIGKILL");
    expect(await stage.processes.residue(child.run)).toMatchObject(clean);
  });

  test("a stopped child is ended", async () => {
    const { child, alive } = await startLeaver("echo $$; kill -STOP $$; while :; do sleep 1; done");
    expect((await child.close({ eofMs: 50, termMs: 20_000 })).signal).toBe("SIGTERM");
    expect(alive()).toBe(false);
  });

  test("a stopped child that ignores SIGTERM is ended", async () => {
    const { child, alive } = await startLeaver("trap '' TERM; echo $$; kill -STOP $$; while :; do sleep 1; done");
    expect((await child.close(quick)).signal).toBe("SIGKILL");
    expect(alive()).toBe(false);
  });

  test("closing twice is closing once", async () => {
    const child = await stage.processes.spawn(stage.script("cat"));
    expect(child.close()).toBe(child.close());
    await child.close();
  });

  test("closing a child spares the other children of its run until the last one", async () => {
    const run = newRun();
    const directory = await stage.processes.tempDir(run);
    const first = await stage.processes.spawn(stage.script("cat", { run }));
    const second = await stage.processes.spawn(stage.script("sleep 1000 & echo $!; wait", { run }));
    const grandchild = watchPid(Number(await firstLine(second.stdout)));
    await second.close(quick);
    expect(grandchild()).toBe(false);
    expect([watchPid(first.pid)(), existsSync(directory)]).toEqual([true, true]);
    await first.close();
    expect(await stage.processes.residue(run)).toMatchObject(clean);
  });

  test("a program that has nothing else to do does not end before its children are gone", async () => {
    const text = `const { openStage, firstLine } = await import(${JSON.stringify(new URL("./process.fixture.ts", import.meta.url).href)});
      const stage = openStage(${JSON.stringify(join(stage.stateDir, "inner"))});
      const script = "trap '' TERM; (setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!); exit 0";
      const child = await stage.processes.spawn(stage.script(script));
      const grandchild = await firstLine(child.stdout);
      await child.exited;
      await child.close();
      console.log(grandchild + " " + JSON.stringify(await stage.processes.residue(child.run)));`;
    mkdirSync(join(stage.stateDir, "inner"));
    const need = stage.program("");
    const program = await stage.processes.spawn({ ...need, args: ["--input-type=module", "-e", text] });
    const [grandchild, residue] = (await firstLine(program.stdout)).split(" ");
    expect(JSON.parse(residue ?? "")).toMatchObject(clean);
    expect(watchPid(Number(grandchild))()).toBe(false);
    expect((await program.exited).code).toBe(0);
  });

  test("disposing closes everything and starts nothing more", async () => {
    const children = await Promise.all(Array.from({ length: 5 }, () => startLeaver("echo $$; trap '' HUP; cat")));
    await stage.processes[Symbol.asyncDispose]();
    expect(children.map(({ alive }) => alive())).toEqual(children.map(() => false));
    await expect(stage.processes.spawn(stage.script("true"))).rejects.toMatchObject({ code: "daemon.stopping" });
  });
});

describe("what tries to stay", () => {
  const hide = "</dev/null >/dev/null 2>&1";

  test("a double-forked grandchild in its own session that ignores SIGHUP and SIGTERM is swept (DR-08)", async () => {
    const daemon = `trap "" HUP TERM; echo $$ >&3; while :; do sleep 1; done`;
    const { child, alive } = await startLeaver(`exec 3>&1; (setsid sh -c '${daemon}' ${hide} &) ; cat`);
    expect((await stage.processes.residue(child.run)).processes.length).toBeGreaterThanOrEqual(2);
    await child.close();
    expect(alive()).toBe(false);
    expect(await stage.processes.residue(child.run)).toMatchObject(clean);
  });

  test("a grandchild that outlives a crashed child and has no environment is swept", async () => {
    const { child, alive } = await startLeaver(`env -i sleep 1000 ${hide} & echo $!; exit 1`);
    await child.exited;
    expect(alive()).toBe(true);
    const { processes } = await stage.processes.sweep(child.run);
    expect(processes.map(({ command }) => command)).toEqual(["sleep"]);
    expect(alive()).toBe(false);
  });

  test("a grandchild with neither environment nor session of ours is swept when its parent was alive at the close", async () => {
    const { child, alive } = await startLeaver(`setsid env -i sleep 1000 ${hide} & echo $!; cat`);
    await child.close();
    expect(alive()).toBe(false);
  });

  test("a listening port and a unix socket are reported while they are there, and gone after the sweep", async () => {
    const path = join(stage.stateDir, "door");
    const text = `const net = require("node:net"); net.createServer().listen(${JSON.stringify(path)}, () => {
      const tcp = net.createServer().listen(0, "127.0.0.1", () => console.log(tcp.address().port)); })`;
    const child = await stage.processes.spawn(stage.program(text));
    const port = Number(await firstLine(child.stdout));
    const { pid } = child;
    expect(await stage.processes.residue(child.run)).toMatchObject({
      ports: [{ pid, port }],
      sockets: [{ pid, path }],
    });
    expect(await stage.processes.sweep(child.run)).toMatchObject({ ports: [{ pid, port }] });
    expect(await stage.processes.residue(child.run)).toMatchObject(clean);
    const again = createServer();
    await new Promise<void>((resolve, reject) => again.once("error", reject).listen(port, "127.0.0.1", resolve));
    await new Promise((resolve) => again.close(resolve));
  });

  test("temporary directories are private, and go with their run, read-only folders in them too", async () => {
    const run = newRun();
    const directory = await stage.processes.tempDir(run);
    mkdirSync(join(directory, "locked"));
    writeFileSync(join(directory, "locked", "file"), "");
    chmodSync(join(directory, "locked"), 0o500);
    expect((await stage.processes.residue(run)).directories).toEqual([directory]);
    expect((await stage.processes.sweep(run)).directories).toEqual([directory]);
    expect(existsSync(directory)).toBe(false);
    expect(readdirSync(join(stage.stateDir, "runs"))).toEqual([]);
  });

  test("stderr is kept after a crash, for the last runs only, and not after a good end", async () => {
    const end = async (text: string) => {
      const child = await stage.processes.spawn(stage.script(text));
      await child.exited;
      await child.close();
      return child.run;
    };
    const good = await end("echo fine >&2");
    const bad: string[] = [];
    for (let n = 0; n < keptFolders + 2; n++) bad.push(await end("echo bad >&2; exit 1"));
    const kept = readdirSync(join(stage.stateDir, "runs"));
    expect(kept).not.toContain(good);
    expect(kept).toHaveLength(keptFolders);
    expect(kept).toContain(bad.at(-1));
  });

  test("100 runs closed at once are all gone soon after", async () => {
    const children = await Promise.all(Array.from({ length: 100 }, () => stage.processes.spawn(stage.script("cat"))));
    const alive = children.map(({ pid }) => watchPid(pid));
    await Promise.all(children.map((child) => child.close({ eofMs: 10_000 })));
    expect(alive.some((one) => one())).toBe(false);
  });
});

describe("former lives", () => {
  const fixture = fileURLToPath(new URL("./former-life.fixture.ts", import.meta.url));

  async function killedLife(stateDir: string) {
    const parent = spawn(process.execPath, [fixture, stateDir], { env: {}, stdio: ["ignore", "pipe", "inherit"] });
    const told = JSON.parse(await firstLine(parent.stdout));
    parent.kill("SIGKILL");
    await new Promise((resolve) => parent.once("exit", resolve));
    return { ...told, alive: [watchPid(told.child), watchPid(told.grandchild)] };
  }

  test("what a killed daemon left is ended by the next one, and nobody else is touched", async () => {
    const stranger = openStage();
    try {
      const life = await killedLife(stage.stateDir);
      const ours = await stage.processes.spawn(stage.script("cat"));
      const theirs = await stranger.processes.spawn(stranger.script("cat"));
      expect(life.alive.map((one: () => boolean) => one())).toEqual([true, true]);
      const found = await findLeftovers({
        clock: systemClock,
        stateDir: stage.stateDir,
        owner: ownerOf(stage.stateDir),
      });
      expect(found.find(({ run }) => run === life.run)).toMatchObject({ directories: [life.directory] });
      expect(life.alive.map((one: () => boolean) => one())).toEqual([true, true]);
      expect(await stage.processes.leftovers()).toEqual(found.filter(({ run }) => run === life.run));
      const swept = await stage.processes.sweepFormerLives();
      expect(swept.map(({ run }) => run)).toEqual([life.run]);
      expect(swept[0]?.processes.map(({ pid }) => pid)).toEqual(expect.arrayContaining([life.child, life.grandchild]));
      expect(swept[0]?.directories).toEqual([life.directory]);
      expect(life.alive.map((one: () => boolean) => one())).toEqual([false, false]);
      expect([watchPid(ours.pid)(), watchPid(theirs.pid)()]).toEqual([true, true]);
      expect(existsSync(life.directory)).toBe(false);
      expect(await stage.processes.sweepFormerLives()).toEqual([]);
      expect(await stage.processes.leftovers()).toEqual([]);
      expect(openLeaves({ owner: ownerOf(stage.stateDir) })?.runs() ?? []).not.toContain(life.run);
    } finally {
      await stranger.end();
    }
  });

  test("two daemons of two directories do not take each other's leftovers", async () => {
    const stranger = openStage();
    try {
      const life = await killedLife(stranger.stateDir);
      expect(await stage.processes.sweepFormerLives()).toEqual([]);
      expect(life.alive.map((one: () => boolean) => one())).toEqual([true, true]);
      await stranger.processes.sweepFormerLives();
      await until(() => !life.alive.some((one: () => boolean) => one()));
    } finally {
      await stranger.end();
    }
  });

  test("a daemon that itself carries the mark of a former run does not end itself", async () => {
    const { stateDir } = stage;
    const run = newRun();
    const text = `import { createProcesses, ownerOf } from ${JSON.stringify(new URL("./processes.ts", import.meta.url).href)};
      import { systemClock } from ${JSON.stringify(new URL("../ports/clock.system.ts", import.meta.url).href)};
      const owner = ownerOf(${JSON.stringify(stateDir)});
      await using processes = createProcesses({ clock: systemClock, stateDir: ${JSON.stringify(stateDir)}, owner, hostEnv: {} });
      console.log(JSON.stringify(await processes.sweepFormerLives()));`;
    const child = await stage.processes.spawn({
      ...stage.program(text, { run, env: { PATH: searchPath } }),
      args: ["--input-type=module", "-e", text],
    });
    expect(JSON.parse(await firstLine(child.stdout))).toEqual([]);
    expect(await child.exited).toMatchObject({ code: 0 });
  });
});
