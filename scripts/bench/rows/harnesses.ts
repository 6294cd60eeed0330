/** What a session with each of the real harnesses costs: time until it says something, and memory of all its processes. */
import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Ways, waysOf } from "@corral/conformance";
import { agentsDir } from "@corral/conformance/here";
import { harnesses as allHarnesses } from "@corral/drivers";
import { type Harness, systemClock } from "@corral/kernel";
import { basesOf, type Model, startModel } from "@corral/model";
import type { Started } from "../ours.ts";
import type { Figure, Row, Stage } from "../row.ts";
import { median } from "../stats.ts";
import { shareBelowMb } from "../tree.ts";

const times = 5;
const together = 4;
const settleMs = 3_000;
const said = "Good morning.";

/** Harnesses that are driven in more ways than one. */
const otherWays: Readonly<Record<string, readonly Partial<Ways>[]>> = {
  opencode: [{ called: "opencode, shared", options: { runtime: "serve" } }],
};

/** The daemon of the bench finds its programs where it would have installed them: `npm run real` has, the bench installs nothing. */
async function lendPrograms({ ours }: Stage): Promise<void> {
  const usual = join(ours.env.HOME ?? "", ".local", "share", "corral");
  await mkdir(dirname(usual), { recursive: true });
  if (!existsSync(usual)) await symlink(agentsDir, usual);
}

interface Played {
  readonly server: Started;
  readonly model: Model;
  readonly harness: Harness;
  readonly ways: Ways;
  readonly folder: string;
}

async function openSession({ server, model, harness, ways, folder }: Played) {
  const { dialect, models = ["stub-model"] } = ways;
  const baseUrl = basesOf(model.url).find((base) => base.dialect === dialect)?.url;
  return await server.corral.sessions.open({
    agent: harness.id,
    cwd: folder,
    secrets: Object.fromEntries(harness.secrets.map((name) => [name, "sk-of-the-bench"])),
    options: { baseUrl, dialect, model: models[0], models: models.slice(1), contextWindow: 128_000, ...ways.options },
  });
}

type Opened = Awaited<ReturnType<typeof openSession>>;

/** From the prompt to the first text; the turn is played to its end. */
async function firstText(session: Opened, began: number): Promise<number> {
  const run = session.prompt("Good morning?");
  let ms: number | undefined;
  for await (const event of run) {
    const isText = event.type === "turn.updated" && event.data.update.sessionUpdate === "agent_message_chunk";
    if (isText) ms ??= performance.now() - began;
  }
  const { outcome, fault } = await run;
  if (outcome !== "completed" || ms === undefined) throw new Error(`a prompt ended as ${outcome}: ${fault?.detail}`);
  return ms;
}

async function timesOf(played: Played): Promise<{ readonly first: number; readonly next: number }> {
  const measured: { first: number; next: number }[] = [];
  for (let at = 0; at < times; at += 1) {
    const began = performance.now();
    const session = await openSession(played);
    const first = await firstText(session, began);
    measured.push({ first, next: await firstText(session, performance.now()) });
    await session.remove();
  }
  return { first: median(measured.map((one) => one.first)), next: median(measured.map((one) => one.next)) };
}

/** Several at a time, for they may share what is in memory. */
async function memoryMb(played: Played): Promise<number> {
  const opened: Opened[] = [];
  while (opened.length < together) {
    const session = await openSession(played);
    await firstText(session, performance.now());
    opened.push(session);
  }
  await sleep(settleMs);
  const share = await shareBelowMb(played.server.pid);
  for (const session of opened) await session.remove();
  return share / together;
}

async function figuresOf(played: Played, called: string): Promise<readonly Figure[]> {
  const { first, next } = await timesOf(played);
  const mb = await memoryMb(played);
  return [
    { what: `${called}: open, and the first text`, unit: "ms", ours: first },
    { what: `${called}: the first text of the next prompt`, unit: "ms", ours: next },
    { what: `${called}: memory of a session`, unit: "MB", ours: mb },
    { what: `${called}: sessions in a GiB`, unit: "", ours: 1024 / mb },
  ];
}

async function measureOne(stage: Stage, harness: Harness, ways: Ways): Promise<readonly Figure[]> {
  const called = ways.called ?? harness.id;
  if (!existsSync(join(agentsDir, "agents", harness.id))) {
    stage.say(`${called}: skipped, for it is not in ${agentsDir}; \`npm run real ${harness.id}\` brings it`);
    return [];
  }
  stage.say(`${called} …`);
  await using server = await stage.ours.start();
  const model = await startModel({ clock: systemClock });
  try {
    model.setStory({
      models: [...(ways.models ?? ["stub-model"])],
      rules: [{ when: "Good", steps: [{ text: said }] }],
    });
    return await figuresOf({ server, model, harness, ways, folder: stage.folder }, called);
  } finally {
    await model.close();
  }
}

export const harnesses: Row = {
  name: "harnesses",
  says: `the real harnesses, asking a scripted model: median of ${times} sessions, and the share of all processes of ${together} open ones (PSS; the daemon apart)`,
  async measure(stage) {
    await lendPrograms(stage);
    const figures: Figure[] = [];
    for (const harness of allHarnesses.filter(({ install }) => install)) {
      const usual = waysOf(harness.id);
      for (const other of [{}, ...(otherWays[harness.id] ?? [])])
        figures.push(...(await measureOne(stage, harness, { ...usual, ...other })));
    }
    return figures;
  },
};
