/** Several sessions with the real OpenCode on shared servers: who shares one, what each sees, and what becomes of them when it dies. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentsDir } from "@corral/conformance/here";
import {
  createInstaller,
  createKernel,
  createProcesses,
  type Kernel,
  ownerOf,
  type SessionHandle,
  systemClock,
} from "@corral/kernel";
import { basesOf, type Model, startModel } from "@corral/model";
import { type AskPolicy, askPolicySchema, type SessionId, type Turn } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore } from "../store/sqlite.ts";
import { opencode } from "./opencode.ts";

const hostEnv = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8" };
const patience = { timeout: 300_000 };

let root = "";
let model: Model;
let kernel: Kernel;
let opened: AsyncDisposableStack;
const stateDir = () => join(root, "state");

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "corral-"));
  await mkdir(stateDir(), { mode: 0o700 });
  opened = new AsyncDisposableStack();
  model = await startModel({ clock: systemClock });
  model.setStory({ models: ["stub-model"] });
  const clock = systemClock;
  const store = opened.use(await openSqliteStore({ dir: stateDir(), clock }));
  const owner = ownerOf(stateDir());
  const processes = opened.use(createProcesses({ clock, stateDir: stateDir(), owner, hostEnv }));
  const installer = createInstaller({ programsDir: agentsDir, clock, processes, hostEnv: process.env });
  const places = { stateDir: stateDir(), defaultCwd: root, hostEnv };
  kernel = opened.use(await createKernel({ store, clock, processes, installer, harnesses: [opencode], ...places }));
});
afterEach(async () => {
  await opened.disposeAsync();
  await model.close();
  await rm(root, { recursive: true, force: true, maxRetries: 3 });
});

async function open(
  key: string,
  folder = "work",
  permissions: AskPolicy["permissions"] = "allow",
): Promise<SessionHandle> {
  const cwd = join(root, folder);
  await mkdir(cwd, { recursive: true });
  const baseUrl = basesOf(model.url).find(({ dialect }) => dialect === "chat")?.url;
  const { id } = await kernel.sessions.open({
    agent: "opencode",
    cwd,
    policy: askPolicySchema.parse({ permissions }),
    secrets: { OPENAI_API_KEY: key },
    options: { runtime: "serve", baseUrl, dialect: "chat", model: "stub-model", contextWindow: 128_000 },
  });
  return kernel.sessions.find(id);
}

const begin = (session: SessionHandle, text: string): Promise<Turn> =>
  session.prompt({ prompt: [{ type: "text", text }] });
const say = async (session: SessionHandle, text: string): Promise<Turn> =>
  session.ended((await begin(session, text)).id);
const pidOf = (session: SessionHandle): number => session.state().harness!.pid!;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const homes = async (): Promise<readonly string[]> => readdir(join(stateDir(), "servers", "opencode", "homes"));

test("sessions of one configuration share a server, each with answers of its own (A-06)", patience, async () => {
  const sessions = await Promise.all([open("sk-one"), open("sk-one", "other"), open("sk-one")]);
  const turns = await Promise.all(sessions.map((session, at) => say(session, `ECHO:number ${at}`)));
  expect(turns.map(({ output }) => output)).toEqual(["number 0", "number 1", "number 2"]);
  expect(new Set(sessions.map(pidOf)).size).toBe(1);
  const rows = await kernel.runs();
  expect(rows.map(({ session }) => session).sort()).toEqual(sessions.map(({ id }) => id).sort());
  expect(rows.map(({ pid }) => pid)).toEqual(sessions.map(pidOf));
});

/** The configurations that the servers were started with, by their processes. */
function configOf(pid: number): { readonly environ: string; readonly config: string } {
  const environ = readFileSync(`/proc/${pid}/environ`, "utf8");
  const path = /OPENCODE_CONFIG=([^\0]+)/.exec(environ)?.[1] ?? "";
  return { environ, config: readFileSync(path, "utf8") };
}

test(
  "sessions with different keys never share a server, and each server knows its own key only (C-01)",
  patience,
  async () => {
    const keys = ["sk-canary-a", "sk-canary-b"];
    const sessions = await Promise.all(keys.map((key) => open(key)));
    for (let round = 0; round < 3; round += 1)
      await Promise.all(sessions.map((session, at) => say(session, `ECHO:round ${round} of ${at}`)));
    const pids = sessions.map(pidOf);
    expect(new Set(pids).size).toBe(2);
    for (const [at, pid] of pids.entries()) {
      const { environ, config } = configOf(pid);
      expect(environ).not.toMatch(/sk-canary/);
      expect(keys.filter((key) => config.includes(key))).toEqual([keys[at]]);
    }
    const shown = new Set(model.journal().map(({ authorization }) => authorization?.keySha256));
    expect(shown.size).toBe(2);
    expect(await homes()).toHaveLength(2);
  },
);

const ticks = (session: SessionHandle): boolean =>
  (session.state().turn?.id ?? "") !== "" && model.journal().length > 0;

test(
  "a server that dies fails every turn on it once; the next prompts share another and find the history",
  patience,
  async () => {
    const sessions = await Promise.all([open("sk-one"), open("sk-one", "other")]);
    await Promise.all(sessions.map((session) => say(session, "ECHO:before")));
    const [pid] = sessions.map(pidOf);
    const turns = await Promise.all(sessions.map((session) => begin(session, "SLOW please")));
    await until(() => model.journal().filter(({ userText }) => userText?.includes("SLOW")).length >= 2);
    expect(sessions.every(ticks)).toBe(true);
    process.kill(pid!, "SIGKILL");
    const ended = await Promise.all(sessions.map((session, at) => session.ended(turns[at]!.id)));
    expect(ended.map(({ outcome, fault }) => [outcome, fault?.code])).toEqual([
      ["failed", "harness.crashed"],
      ["failed", "harness.crashed"],
    ]);
    const counts = await Promise.all(sessions.map((session) => say(session, "COUNT")));
    expect(counts.map(({ output }) => output)).toEqual(["user_messages=3", "user_messages=3"]);
    expect(pidOf(sessions[0]!)).toBe(pidOf(sessions[1]!));
    expect(pidOf(sessions[0]!)).not.toBe(pid);
  },
);

const databaseHas = (id: string): boolean => {
  const files = readdirSync(join(stateDir(), "servers"), { recursive: true, encoding: "utf8" });
  const tables = files.filter((file) => /opencode\.db(-wal)?$/.test(file));
  return tables.some((file) => readFileSync(join(stateDir(), "servers", file), "latin1").includes(id));
};

async function remove(id: SessionId): Promise<void> {
  const session = await kernel.sessions.find(id);
  await session.change({ closed: true });
  await kernel.sessions.remove(id);
}

test("with the last session of a configuration its server ends and its home is removed", patience, async () => {
  const sessions = await Promise.all([open("sk-one"), open("sk-one")]);
  await Promise.all(sessions.map((session) => say(session, "ECHO:hello")));
  expect(databaseHas(sessions[0]!.state().native!)).toBe(true);
  for (const { id } of sessions) await remove(id);
  await until(async () => (await homes()).length === 0);
  expect(databaseHas("ses_")).toBe(false);
});

/** Prompts, answers what is asked with an option, and says how often that was. */
async function asks(session: SessionHandle, text: string, option: string): Promise<number> {
  const { id } = await begin(session, text);
  let [count, ended] = [0, false];
  const end = session.ended(id).then(() => {
    ended = true;
  });
  while (!ended) {
    await until(() => ended || session.state().asks.length > 0);
    for (const ask of session.state().asks) {
      count += 1;
      await session.answer(ask.id, { option });
    }
  }
  await end;
  return count;
}

test("what one session allows for always is asked again of another on the same server", patience, async () => {
  const [one, other] = [await open("sk-one", "work", "ask"), await open("sk-one", "work", "ask")];
  expect(await asks(one, "RUN_TOOL[echo first]", "always")).toBe(1);
  expect(await asks(one, "RUN_TOOL[echo second]", "reject")).toBe(0);
  expect(await asks(other, "RUN_TOOL[echo third]", "reject")).toBe(1);
  expect(pidOf(other)).toBe(pidOf(one));
});
