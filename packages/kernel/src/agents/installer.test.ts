/** Installing, proved against a registry on loopback with the real npm. */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeId } from "@corral/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { until } from "../process/process.fixture.ts";
import type { InstallProgress } from "./fetch-packages.ts";
import { openPlace, type Place, packages, zeta } from "./installer.fixture.ts";
import { createInstaller } from "./installer.ts";
import { openRegistry, type Registry } from "./registry.fixture.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("install-one.fixture.ts", import.meta.url));
const pinned = "1.0.0+0.3.0";

let registry: Registry;
let place: Place;
beforeEach(async () => {
  registry = await openRegistry(packages);
  place = await openPlace({ registry: registry.url });
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

describe("an installation", { timeout: 120_000 }, () => {
  test("finds the platform's own program though no install script ever runs (D-03)", async () => {
    const { installer, programsDir } = place;
    const seen: InstallProgress[] = [];
    const installed = await installer.install(zeta, { onProgress: (progress) => seen.push(progress) });
    expect(installed).toMatchObject({
      alreadyInstalled: false,
      version: "1.0.0",
      artifacts: [
        { kind: "native_agent", source: "registry", version: "1.0.0" },
        { kind: "agent_process", source: "registry", version: "0.3.0" },
      ],
    });
    expect((await run(installed.programs.bin("zeta"))).stdout).toBe("native 1.0.0\n");
    expect((await run(installed.programs.node, [installed.programs.bin("acp")])).stdout).toBe("speaks\n");
    expect(() => installed.programs.bin("omega")).toThrow('Zeta names no program "omega"');
    const dir = join(programsDir, "agents/zeta", pinned);
    expect(existsSync(join(dir, "ran-a-script"))).toBe(false);
    expect(existsSync(join(dir, "node_modules/zeta-other-os"))).toBe(false);
    expect(await readFile(join(dir, "package-lock.json"), "utf8")).toContain("sha512-");
    expect((await stat(join(programsDir, "agents"))).mode & 0o777).toBe(0o700);
    expect([...new Set(seen.map(({ step }) => step))]).toEqual(["resolving", "downloading", "checking", "done"]);
    expect(await place.shelf()).toEqual([pinned]);
  });

  test("is done once for all who ask at the same time, and not again (D-03)", async () => {
    const { installer } = place;
    expect(await installer.installed(zeta)).toBeUndefined();
    const all = await Promise.all([installer.ready(zeta), installer.ready(zeta), installer.ready(zeta)]);
    expect(all.map(({ alreadyInstalled }) => alreadyInstalled)).toEqual([false, false, false]);
    expect(await installer.installed(zeta)).toEqual({ version: "1.0.0" });
    const before = registry.asked.length;
    expect(await installer.ready(zeta)).toMatchObject({ alreadyInstalled: true });
    expect(registry.asked).toHaveLength(before);
    expect(registry.tarballs()).toHaveLength(3);
  });

  test("of another version stands beside the pinned one, and sessions use what was chosen last (D-10)", async () => {
    const { installer } = place;
    await installer.install(zeta);
    await installer.install(zeta, { version: "1.1.0" });
    expect(await place.shelf()).toEqual([pinned, "1.1.0+0.3.0", "chosen"]);
    const { programs } = await installer.ready(zeta);
    expect((await run(programs.bin("zeta"))).stdout).toBe("native 1.1.0\n");
    expect(await installer.install(zeta)).toMatchObject({ alreadyInstalled: true, version: "1.0.0" });
    expect(await installer.installed(zeta)).toEqual({ version: "1.0.0" });
  });

  test("that another process ran meanwhile is taken as it is: five at once fetch every package once (DR-07)", async () => {
    const five = await Promise.all(
      Array.from({ length: 5 }, () => run(process.execPath, [program, place.root, registry.url])),
    );
    const ends = five.map(({ stdout }) => stdout.trim().split("\n").at(-1)).sort();
    expect(ends).toEqual([...Array<string>(4).fill("installed before"), "installed now"]);
    expect(five.filter(({ stdout }) => stdout.startsWith("waiting"))).toHaveLength(4);
    expect(registry.tarballs()).toHaveLength(3);
    expect(await place.shelf()).toEqual([pinned]);
  });

  test("whose process is killed in the middle leaves nothing half-done, and the next one succeeds (DR-07)", async () => {
    registry.tarball = "held";
    const child = spawn(process.execPath, [program, place.root, registry.url], { stdio: "ignore" });
    await until(() => registry.tarballs().length > 0);
    child.kill("SIGKILL");
    expect(await place.installer.installed(zeta)).toBeUndefined();
    registry.tarball = "whole";
    expect(await place.installer.install(zeta)).toMatchObject({ alreadyInstalled: false });
    expect(await place.shelf()).toEqual([pinned]);
  });

  test.each(["cut", "false"] as const)(
    "of a package that comes %s is a fault, and nothing is there (DR-07)",
    async (how) => {
      registry.tarball = how;
      await expect(place.installer.install(zeta)).rejects.toMatchObject({ code: "agent.install" });
      expect(await place.shelf()).toEqual([]);
    },
  );

  test("of a version that nobody has says so in npm's words", async () => {
    await expect(place.installer.install(zeta, { version: "9.9.9" })).rejects.toMatchObject({
      code: "agent.install",
      message: expect.stringContaining("zeta@9.9.9"),
      more: { stderr: expect.stringMatching(/^code ETARGET/) },
    });
    await expect(place.installer.install(zeta, { version: "^1" })).rejects.toMatchObject({ code: "request.invalid" });
  });

  test("from a registry that cannot be reached says so, without the places where npm noticed (DR-10)", async () => {
    await using far = await openPlace({ registry: "http://127.0.0.1:9/", env: { npm_config_fetch_retries: "0" } });
    const error = await far.installer.install(zeta).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "agent.install", help: expect.stringContaining("can be reached") });
    expect(String(error)).toContain("ECONNREFUSED");
    expect(String(error)).not.toMatch(/ at |node_modules|node:/);
    expect(await far.shelf()).toEqual([]);
  });

  test("without a network takes what npm's cache holds, or says that it is not installed (DR-10)", async () => {
    const { installer } = place;
    await expect(installer.install(zeta, { offline: true })).rejects.toMatchObject({
      code: "agent.not_installed",
      help: expect.stringContaining("corral agents install zeta"),
    });
    await installer.install(zeta);
    await installer.uninstall(zeta);
    const before = registry.asked.length;
    expect(await installer.install(zeta, { offline: true })).toMatchObject({ alreadyInstalled: false });
    expect(registry.asked).toHaveLength(before);
  });

  test("with a program that was cut short counts as none, and is done again (DR-07)", async () => {
    const { installer } = place;
    const { programs } = await installer.install(zeta);
    await appendFile(programs.bin("zeta"), "more than was installed");
    expect(await installer.installed(zeta)).toBeUndefined();
    await installer.ready(zeta);
    expect((await run(programs.bin("zeta"))).stdout).toBe("native 1.0.0\n");
    expect(await installer.install(zeta, { reinstall: true })).toMatchObject({ alreadyInstalled: false });
    expect(await place.shelf()).toEqual([pinned]);
  });

  test("is removed with all its versions, though not under a program that runs (D-03)", async () => {
    const { installer, processes } = place;
    await installer.install(zeta);
    const child = await processes.spawn({
      run: makeId("run", systemClock.now(), systemClock.chance(16)),
      name: "zeta",
      command: "/bin/cat",
      args: [],
      cwd: "/",
      env: {},
    });
    await expect(installer.uninstall(zeta)).rejects.toMatchObject({ code: "agent.in_use" });
    await child.close();
    await installer.uninstall(zeta);
    await installer.uninstall(zeta);
    expect(existsSync(join(place.programsDir, "agents/zeta"))).toBe(false);
  });
});

describe("while it lasts", { timeout: 120_000 }, () => {
  test("one who waits may leave, the others get it, and the end of the daemon ends it without a trace", async () => {
    const { installer, processes } = place;
    registry.tarball = "held";
    const leaving = new AbortController();
    const left = installer.ready(zeta, { signal: leaving.signal });
    const staying = installer.ready(zeta);
    const ends = Promise.allSettled([left, staying]);
    await until(() => registry.tarballs().length > 0);
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect((await processes.list()).map(({ name }) => name)).toEqual(["npm"]);
    await installer[Symbol.asyncDispose]();
    expect((await ends)[1]).toMatchObject({ reason: { code: "daemon.stopping" } });
    expect(await processes.list()).toEqual([]);
    expect(await place.shelf()).toEqual([]);
  });

  test("npm has nothing of the daemon's environment but what it needs (BR-01)", async () => {
    const env = { ANTHROPIC_API_KEY: "canary-key", npm_config_prefix: "/canary", CORRAL_TOKEN: "canary-token" };
    await using other = await openPlace({ registry: registry.url, env });
    registry.tarball = "held";
    const installing = other.installer.install(zeta).catch((error: unknown) => error);
    await until(() => registry.tarballs().length > 0);
    const [npm] = await other.processes.list();
    const environ = await readFile(`/proc/${npm!.pid}/environ`, "utf8");
    expect(environ).toContain(`npm_config_registry=${registry.url}`);
    expect(environ).not.toContain("canary");
    await other.installer[Symbol.asyncDispose]();
    expect(await installing).toMatchObject({ code: "daemon.stopping" });
  });
});

describe("what cannot be", () => {
  test("a Node that is too old is refused before anything is fetched", async () => {
    const old = { ...zeta, install: { ...zeta.install, minNode: "22.19.0" } };
    const { programsDir, processes, hostEnv } = place;
    const node = { path: process.execPath, version: "22.9.1" };
    await using installer = createInstaller({ programsDir, clock: systemClock, processes, hostEnv, node });
    await expect(installer.ready(old)).rejects.toMatchObject({ code: "agent.install", message: /22\.19\.0/ });
  });

  test("a platform without a program is refused before anything is fetched", async () => {
    const elsewhere = { ...zeta, install: { ...zeta.install, bins: { zeta: { "plan9-mips": "x" } } } };
    await expect(place.installer.ready(elsewhere)).rejects.toMatchObject({ code: "agent.install" });
    expect(registry.asked).toEqual([]);
  });

  test("an agent that is part of Corral is always there", async () => {
    const own = { id: "own", title: "Own" };
    expect(await place.installer.installed(own)).toEqual({});
    expect(await place.installer.install(own)).toMatchObject({ alreadyInstalled: true, artifacts: [] });
    await expect(place.installer.uninstall(own)).rejects.toMatchObject({ code: "agent.cannot" });
  });

  test("npm that is nowhere is a fault that says what to do", async () => {
    const empty = await mkdtemp(join(tmpdir(), "corral-"));
    const { programsDir, processes } = place;
    const node = { path: join(empty, "node"), version: "24.0.0" };
    await using installer = createInstaller({
      programsDir,
      clock: systemClock,
      processes,
      hostEnv: { PATH: empty },
      node,
    });
    await expect(installer.ready(zeta)).rejects.toMatchObject({ code: "agent.install", message: /npm was not found/ });
    await rm(empty, { recursive: true });
  });
});
