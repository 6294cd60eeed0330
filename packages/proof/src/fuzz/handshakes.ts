/** Harnesses that are hostile from their first answer on, under a kernel of its own. */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createKernel, createProcesses, type Kernel, memoryStore, ownerOf, type SessionHandle } from "@corral/kernel";
import { askPolicySchema, isClean, type SessionEvent } from "@corral/protocol";
import { bounded } from "../bounded.ts";
import { noEvidence } from "../look/evidence.ts";
import { failuresOf } from "../look/invariants.ts";
import { carriersOf } from "../look/processes.ts";
import type { ProofContext } from "../proof.ts";
import type { Chance } from "../seeded.ts";
import { outsideName } from "./frames.ts";
import { hostile, linesIn, scriptName, scriptOf } from "./hostile.ts";
import type { Fuzzed } from "./http.ts";

const sizes = { quick: 10, whole: 80 };
const linesEach = 12;
const atOnce = 3;
const turnLimitMs = 4_000;
/** The turn's own limit, the grace after it, and a machine that is busy. */
const turnBoundMs = 60_000;
const limits = { cancelGraceMs: 500, answerMs: 1_000, stallAfterMs: 1_000, stallLimitMs: 3_000 };

async function logOf(session: SessionHandle): Promise<readonly SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (;;) {
    const { items } = await session.read({ after: events.length, limit: 1_000 });
    if (items.length === 0) return events;
    events.push(...items.map(({ text }) => JSON.parse(text) as SessionEvent));
  }
}

interface Field extends ProofContext {
  readonly kernel: Kernel;
  readonly folder: string;
}

async function promptTwice(session: SessionHandle, { clock, signal }: Field): Promise<void> {
  for (let prompt = 1; prompt <= 2; prompt++) {
    const { id } = await session.prompt({ prompt: [{ type: "text", text: "Go" }], timeoutMs: turnLimitMs });
    await bounded({ limitMs: turnBoundMs, clock, signal }, (limited) => session.ended(id, { signal: limited }));
  }
}

async function meet(
  field: Field,
  at: number,
  chance: Chance,
): Promise<{ readonly found: readonly string[]; readonly lines: number }> {
  const { kernel, folder } = field;
  const cwd = join(folder, `hostile-${at}`, "work");
  await mkdir(cwd, { recursive: true });
  const script = scriptOf(chance, linesEach);
  await writeFile(join(cwd, scriptName), JSON.stringify(script));
  const policy = askPolicySchema.parse({ deadlineMs: 200, onExpire: chance.pick(["deny", "allow", "cancel"]) });
  const { id } = await kernel.sessions.open({ agent: "hostile", cwd, policy });
  const session = await kernel.sessions.find(id);
  await promptTwice(session, field);
  const state = await session.change({ closed: true });
  const residue = (await session.residue()).filter((one) => !isClean(one));
  const evidence = { ...noEvidence, log: await logOf(session), states: [state], residue };
  const outside = existsSync(join(cwd, "..", outsideName)) ? ["a file was written outside the workspace"] : [];
  const broken = failuresOf(evidence).map(({ invariant, says }) => `invariant ${invariant}: ${says}`);
  await kernel.sessions.remove(id);
  return { found: [...outside, ...broken], lines: linesIn(script) };
}

async function meetAll(field: Field, chance: Chance, count: number) {
  const cases = Array.from({ length: count }, (_, at) => ({ at, chance: chance.branch() }));
  const failures: string[] = [];
  let [met, frames] = [0, 0];
  const work = async () => {
    for (let next = cases.shift(); next; next = cases.shift()) {
      try {
        const { found, lines } = await meet(field, next.at, next.chance);
        met += 1;
        frames += lines;
        failures.push(...found.map((says) => `harness ${next?.at}: ${says}`));
      } catch (error) {
        field.signal.throwIfAborted();
        failures.push(`harness ${next.at}: ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { failures, met, frames };
}

export async function fuzzHandshakes(context: ProofContext, chance: Chance): Promise<Fuzzed> {
  const { clock, hostEnv, quick, tell } = context;
  const folder = join(context.folder, "handshakes");
  const stateDir = join(folder, "state");
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const surprises: string[] = [];
  const owner = ownerOf(stateDir);
  await using store = memoryStore();
  await using processes = createProcesses({ clock, stateDir, owner, hostEnv });
  await using kernel = await createKernel({
    store,
    processes,
    clock,
    stateDir,
    hostEnv,
    limits,
    harnesses: [hostile],
    defaultCwd: folder,
    surprise: (error, where) => surprises.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`),
  });
  const count = quick ? sizes.quick : sizes.whole;
  const { failures, met, frames } = await meetAll({ ...context, kernel, folder }, chance, count);
  tell(`fuzz: ${met} hostile harnesses, ${failures.length} failures`);
  const left = carriersOf("CORRAL_OWNER", owner).map(
    ({ pid, command }) => `process ${pid} (${command.slice(0, 60)}) still runs`,
  );
  return {
    rows: [
      { name: "every turn ends once, however its harness greets", failures },
      { name: "hostile harnesses surprise nobody and leave nothing", failures: [...surprises.slice(0, 5), ...left] },
    ],
    figures: { "hostile harnesses": met, "hostile frames": frames },
  };
}
