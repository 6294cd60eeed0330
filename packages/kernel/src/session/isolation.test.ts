/** Sessions beside each other: each harness has its own key, its own files and nothing of the others or of the daemon. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { acpHarness } from "../acp/harness.ts";
import { createInstaller } from "../agents/installer.ts";
import type { FakePackage } from "../agents/registry.fixture.ts";
import { openRegistry } from "../agents/registry.fixture.ts";
import { createKernel } from "../kernel.ts";
import { systemClock } from "../ports/clock.system.ts";
import { memoryStore } from "../ports/store.reference.ts";
import { runMark } from "../process/proc-table.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { type Actor, blocks, card, hostEnv, type Kit, openKit, policy, until } from "./kit.fixture.ts";

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
const none = hashOf("");

/** What each process of this machine was started with, of those that we may look at. */
function environments(): readonly { readonly pid: string; readonly variables: readonly string[] }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ pid, variables: readFileSync(`/proc/${pid}/environ`, "latin1").split("\0") }];
      } catch {
        // Gone meanwhile, or somebody else's.
        return [];
      }
    });
}

interface Keyed {
  readonly actor: Actor;
  readonly key: string | undefined;
}

/** Says the hash of its key, then waits at the gate in a shell of its own. */
const hashing = [
  { tool: { title: "Hash", kind: "execute", run: 'printf %s "$SCRIPTED_KEY" | sha256sum' } },
  { child: "sleep 60" },
];

async function openKeyed(kit: Kit, key: string | undefined): Promise<Keyed> {
  const secrets = key === undefined ? {} : { secrets: { SCRIPTED_KEY: key } };
  return { key, actor: await kit.open([hashing], { ...secrets, ...agreed }) };
}

/** The usual story asks for a permission. */
const agreed = { policy: policy({ permissions: "allow" }) };

const runOf = ({ actor }: Keyed): string | undefined => actor.session.state().harness?.run;

/** Whoever has a canary belongs to the run of the session that was given it; and the harness itself has it. */
function expectOwnKeysOnly(all: readonly Keyed[]): void {
  const seen = environments();
  for (const one of all) {
    const holders = seen.filter(({ variables }) => one.key !== undefined && variables.join("\n").includes(one.key));
    const runs = new Set(holders.map(({ variables }) => variables.find((text) => text.startsWith(`${runMark}=`))));
    expect([...runs]).toEqual(one.key === undefined ? [] : [`${runMark}=${runOf(one)}`]);
  }
}

async function round(kit: Kit, at: number, turns: number): Promise<void> {
  const keys = [`canary-a-${at}`, `canary-b-${at}`, undefined];
  const all = await Promise.all(keys.map((key) => openKeyed(kit, key)));
  for (let turn = 0; turn < turns; turn += 1) {
    const ended = await Promise.all(all.map(({ actor }) => actor.play()));
    expect(ended.map(({ outcome }) => outcome)).toEqual(["completed", "completed", "completed"]);
  }
  expectOwnKeysOnly(all);
  for (const { actor, key } of all) {
    const log = JSON.stringify(await kit.events(actor.id));
    expect(log).toContain(key === undefined ? none : hashOf(key));
    expect(log).not.toContain("canary");
    for (const other of keys) if (other !== key) expect(log).not.toContain(hashOf(other ?? ""));
    await actor.session.change({ closed: true });
  }
}

test("of sessions with different keys, run after run, each sees only its own, in its processes too; one without a key sees none (AR-01, AR-02, AR-03)", {
  timeout: 600_000,
}, async () => {
  await using kit = await openKit({ store: "memory" });
  // 7 times 3 sessions of 5 turns each, all three at the same time: 105 runs.
  for (let at = 0; at < 7; at += 1) await round(kit, at, 5);
  expect(JSON.stringify(environments().filter(({ pid }) => pid === String(process.pid)))).not.toContain("canary");
});

test("a file with a key is there while its harness lives and gone with it; a fork is not given it (CR-04)", {
  timeout: 60_000,
}, async () => {
  const scripted = fileURLToPath(new URL("../../../drivers/src/scripted/program.ts", import.meta.url));
  const keeper = acpHarness({
    ...card,
    async launch({ stateDir, secrets, writePrivate, hostEnv: { PATH = "" }, node }) {
      await writePrivate("keeper/config", `key = ${secrets.MADE_UP_KEY}`);
      return { command: node, args: [scripted, "--state", join(stateDir, "own")], env: { PATH, HOME: stateDir } };
    },
  });
  await using kit = await openKit({ store: "memory", harnesses: [keeper] });
  const secrets = { MADE_UP_KEY: "canary-file" };
  const { id } = await kit.kernel.sessions.open({ agent: card.id, secrets, ...agreed });
  const actor = await kit.find(id);
  await actor.play();
  const file = join(kit.stateDir, "sessions", id, "keeper/config");
  expect(await readFile(file, "utf8")).toBe("key = canary-file");
  const fork = await actor.session.fork({ secrets: { MADE_UP_KEY: "canary-fork" } });
  const forked = await kit.find(fork.id);
  await forked.play();
  expect(await readFile(join(kit.stateDir, "sessions", fork.id, "keeper/config"), "utf8")).toBe("key = canary-fork");
  await actor.session.change({ closed: true });
  await until(async () => !readdirSync(join(kit.stateDir, "sessions", id, "keeper")).includes("config"));
});

const program = new URL("../../../drivers/src/scripted/program.ts", import.meta.url).href;
const agent: FakePackage = {
  name: "made-up-acp",
  version: "2.0.0",
  files: { "index.js": `await import("${program}");\n` },
};

test("a session installs its harness when it is first needed, and its log says how long that took (D-03)", {
  timeout: 60_000,
}, async () => {
  await using kit = await openKit({ store: "memory" });
  await using registry = await openRegistry([{ ...agent, manifest: { type: "module" } }]);
  const made = acpHarness({
    ...card,
    install: { packages: { "made-up-acp": "2.0.0" }, bins: { agent: "made-up-acp/index.js" }, licence: "open" },
    launch: ({ bin, node, stateDir, hostEnv: { PATH = "" } }) => ({
      command: node,
      args: [bin("agent"), "--state", join(stateDir, "own")],
      env: { PATH, HOME: stateDir },
    }),
  });
  const clock = systemClock;
  const stateDir = join(kit.root, "own");
  await mkdir(stateDir, { mode: 0o700 });
  await using processes = createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv });
  const npmEnv = { ...hostEnv, HOME: kit.root, npm_config_registry: registry.url };
  const installer = createInstaller({ programsDir: join(kit.root, "data"), clock, processes, hostEnv: npmEnv });
  await using store = memoryStore();
  const places = { stateDir, hostEnv, defaultCwd: kit.cwd };
  await using kernel = await createKernel({ ...places, store, clock, processes, installer, harnesses: [made] });
  expect(await kernel.agents.find(card.id)).toMatchObject({
    installed: false,
    pinnedVersion: "2.0.0",
    licence: "open",
  });
  const kinds = async () => {
    const { id } = await kernel.sessions.open({ agent: card.id, ...agreed });
    const session = await kernel.sessions.find(id);
    expect((await session.ended((await session.prompt({ prompt: blocks("Hello") })).id)).outcome).toBe("completed");
    const { items } = await session.read({ after: 0, limit: 100 });
    return items.map(({ text }) => JSON.parse(text)).filter(({ type }) => type.startsWith("harness."));
  };
  expect(await kinds()).toMatchObject([
    { type: "harness.installed", data: { version: "2.0.0", ms: expect.any(Number) } },
    { type: "harness.started" },
  ]);
  expect((await kinds()).map(({ type }) => type)).toEqual(["harness.started"]);
  expect(await kernel.agents.find(card.id)).toMatchObject({ installed: true, version: "2.0.0" });
});
