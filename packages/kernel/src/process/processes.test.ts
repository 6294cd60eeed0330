/** What a child gets, what it may do to us, and how its end is told. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { signalProcess, startTicksOf } from "./proc-table.ts";
import { firstLine, newRun, openStage, readText, type Stage, searchPath, until, watchPid } from "./process.fixture.ts";
import { createProcesses, ownerOf } from "./processes.ts";
import { unreadBytes } from "./relay.ts";

let stage: Stage;
beforeEach(() => {
  stage = openStage();
});
afterEach(() => stage.end());

/** Group and session, fields 5 and 6 of a process's stat. */
const placeOf = (pid: number | string) =>
  readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(2, 4).map(Number);

describe("the start of a child", () => {
  test("a child leads a group and a session of its own", async () => {
    const child = await stage.processes.spawn(stage.script("read x"));
    expect(placeOf(child.pid)).toEqual([child.pid, child.pid]);
    expect(placeOf("self")?.[1]).not.toBe(child.pid);
  });

  test("a child's environment is exactly what it was given, and the two marks (AR-01, BR-01)", async () => {
    const run = newRun();
    const env = { PATH: searchPath, ONLY: "this\nCORRAL_RUN=not-a-mark" };
    const child = await stage.processes.spawn(stage.script("read x", { run, env }));
    const seen = (await readText(`/proc/${child.pid}/environ`)).split("\0").filter(Boolean).sort();
    const owner = ownerOf(stage.stateDir);
    expect(seen).toEqual(
      [`CORRAL_OWNER=${owner}`, `CORRAL_RUN=${run}`, `ONLY=${env.ONLY}`, `PATH=${searchPath}`].sort(),
    );
  });

  test("two runs at once see each their own secret and never the other's (AR-01, AR-02)", async () => {
    const echo = (secret?: string) =>
      stage.processes.spawn(stage.script('echo "[$SECRET]"', { env: secret ? { SECRET: secret } : {} }));
    const children = await Promise.all([echo("one"), echo("two"), echo()]);
    expect(await Promise.all(children.map(({ stdout }) => firstLine(stdout)))).toEqual(["[one]", "[two]", "[]"]);
  });

  test("a directory that does not exist is refused by name", async () => {
    const spawned = stage.processes.spawn(stage.script("true", { cwd: join(stage.stateDir, "gone") }));
    await expect(spawned).rejects.toMatchObject({
      code: "workspace.missing",
      more: { cwd: join(stage.stateDir, "gone") },
    });
  });

  test("a program that does not exist is refused by name, with what to do, and without its secrets", async () => {
    const need = stage.script("", { command: "no-such-program", args: ["--token", "s3cret"] });
    const fault = await stage.processes.spawn(need).catch((cause) => cause);
    expect(fault.toRecord()).toMatchObject({ code: "process.start", help: expect.stringContaining("Install") });
    expect(fault.message).toContain("no-such-program");
    expect(JSON.stringify(fault.toRecord())).not.toContain("s3cret");
  });

  test("a program that is not executable, and a script without its interpreter, are refused with the reason", async () => {
    const plain = join(stage.stateDir, "plain");
    const script = join(stage.stateDir, "script");
    writeFileSync(plain, "text", { mode: 0o600 });
    writeFileSync(script, "#!/no/such/interpreter\n", { mode: 0o700 });
    const start = (command: string) => stage.processes.spawn(stage.script("", { command }));
    await expect(start(plain)).rejects.toMatchObject({ code: "process.start", help: expect.stringContaining("chmod") });
    await expect(start(script)).rejects.toThrow("its interpreter does not exist");
  });

  test("an environment that no program can be given is refused without telling its values", async () => {
    const fault = await stage.processes.spawn(stage.script("", { env: { KEY: "s3cret\0" } })).catch((cause) => cause);
    expect(fault.code).toBe("process.start");
    expect(JSON.stringify(fault.toRecord()) + String(fault.cause)).not.toContain("s3cret");
  });

  test("the host's PATH finds the program of a child that has none of its own", async () => {
    const { stateDir } = stage;
    const hostEnv = { PATH: searchPath, HOST_SECRET: "s3cret" };
    await using processes = createProcesses({ clock: systemClock, stateDir, owner: "another", hostEnv });
    const child = await processes.spawn(stage.script("", { command: "env", args: [], env: {} }));
    const names = (await buffer(child.stdout))
      .toString("utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names.sort()).toEqual(["CORRAL_OWNER", "CORRAL_RUN"]);
  });
});

describe("the output of a child", () => {
  test("10 MiB of stderr and of output that nobody reads do not hold a child back (CR-03)", async () => {
    const flood = "head -c 10485760 /dev/zero | tr '\\0' x >&2; head -c 10485760 /dev/zero; exit 7";
    const child = await stage.processes.spawn(stage.script(flood));
    const exit = await child.exited;
    expect(exit).toMatchObject({ code: 7, stderr: { totalLines: 1, truncated: true } });
    expect(exit.stderr.tail[0]).toHaveLength(4096);
    expect(child.stdout.readableLength).toBeLessThanOrEqual(unreadBytes + 65_536);
  });

  test("10 MiB of output reach a reader whole, even one who reads slowly", async () => {
    const child = await stage.processes.spawn(stage.script("head -c 10485760 /dev/zero"));
    let bytes = 0;
    for await (const chunk of child.stdout) {
      bytes += chunk.length;
      if (bytes % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(10_485_760);
  });

  test("what a program says before its end is there for a reader who comes after it", async () => {
    const child = await stage.processes.spawn(stage.script("echo last words"));
    await child.exited;
    expect((await buffer(child.stdout)).toString("utf8")).toBe("last words\n");
  });

  test("a child that says nothing on stderr costs no folder and no file", async () => {
    const child = await stage.processes.spawn(stage.script("echo out"));
    expect(await child.exited).toMatchObject({ code: 0, stderr: { totalLines: 0 } });
    expect(existsSync(join(stage.stateDir, "runs"))).toBe(false);
  });

  test("stderr is kept in a private file that stops growing at 1 MiB (CR-04, CR-05)", async () => {
    const run = newRun();
    const child = await stage.processes.spawn(
      stage.script("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", { run }),
    );
    await child.exited;
    const file = join(stage.stateDir, "runs", run, "stderr.log");
    const { mode, size } = statSync(file);
    expect([mode & 0o777, statSync(join(file, "..")).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(size).toBeLessThanOrEqual(1024 * 1024);
    expect((await readText(file)).trimEnd().split("\n").at(-1)).toBe("[the rest of stderr is not kept]");
  });

  test("writing to a child that has closed its stdin never ends the daemon", async () => {
    const child = await stage.processes.spawn(stage.script("exec 0<&-; echo closed; sleep 1000"));
    await firstLine(child.stdout);
    const told = await new Promise((resolve) => child.stdin.write("x".repeat(1024 * 1024), resolve));
    expect(told).toMatchObject({ code: "EPIPE" });
    await child.close({ eofMs: 0 });
    child.stdin.write("after the end");
  });
});

describe("the end of a child", () => {
  test("a crash is told with its code and the last lines of stderr (CR-06)", async () => {
    const child = await stage.processes.spawn(stage.script("echo before >&2; echo why >&2; exit 137"));
    expect(await child.exited).toEqual({
      code: 137,
      stderr: { head: ["before", "why"], tail: ["before", "why"], totalLines: 2, truncated: false },
    });
  });

  test("a death by signal is told with the signal", async () => {
    const child = await stage.processes.spawn(stage.script("kill -SEGV $$"));
    const exit = await child.exited;
    expect(exit.signal).toBe("SIGSEGV");
    expect(exit.code).toBeUndefined();
  });

  test("a grandchild that holds the pipes does not delay the telling of an end", async () => {
    const child = await stage.processes.spawn(stage.script("sleep 1000 & echo $!; echo bye >&2; exit 3"));
    const grandchild = watchPid(Number(await firstLine(child.stdout)));
    expect(await child.exited).toMatchObject({ code: 3, stderr: { tail: ["bye"] } });
    expect(grandchild()).toBe(true);
    await child.close();
    expect(grandchild()).toBe(false);
  });

  test("a signal reaches the whole group", async () => {
    const child = await stage.processes.spawn(stage.script("sleep 1000 & echo $!; wait"));
    const grandchild = watchPid(Number(await firstLine(child.stdout)));
    child.signal("SIGTERM");
    expect((await child.exited).signal).toBe("SIGTERM");
    await until(() => !grandchild());
  });

  test("a pid whose bearer is another than the one we knew gets no signal", async () => {
    const child = await stage.processes.spawn(stage.script("read x"));
    const startTicks = startTicksOf(child.pid) ?? 0;
    expect(signalProcess({ pid: child.pid, startTicks: startTicks - 1 }, "SIGKILL")).toBe(false);
    expect(watchPid(child.pid)()).toBe(true);
    expect(signalProcess({ pid: child.pid, startTicks }, "SIGKILL")).toBe(true);
    await child.exited;
    child.signal("SIGKILL");
  });

  test("living children are listed with their memory", async () => {
    const child = await stage.processes.spawn(stage.script("echo; read x", { name: "listed" }));
    await firstLine(child.stdout);
    const [row] = await stage.processes.list();
    expect(row).toMatchObject({ pid: child.pid, name: "listed", run: child.run, startedAt: child.startedAt });
    expect(row?.residentBytes).toBeGreaterThan(100_000);
    await child.close();
    expect(await stage.processes.list()).toEqual([]);
  });

  test("50 rounds of starting and closing leave open files, processes and folders as they were", async () => {
    const round = async () => {
      const run = newRun();
      await stage.processes.tempDir(run);
      await (await stage.processes.spawn(stage.script("echo >&2; cat", { run }))).close();
      return run;
    };
    const openFiles = () => readdirSync("/proc/self/fd").length;
    await round();
    const before = openFiles();
    for (let n = 0; n < 50; n++) {
      const run = await round();
      if (n % 10 === 0) expect((await stage.processes.residue(run)).processes).toEqual([]);
    }
    await until(() => openFiles() <= before);
    expect(await stage.processes.list()).toEqual([]);
    expect(readdirSync(join(stage.stateDir, "runs"))).toEqual([]);
  });
});
