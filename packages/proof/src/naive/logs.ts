/** Sessions as they are written when nobody has been bitten yet: each breaks one invariant in a way that was seen in the wild. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Clock, sleep } from "@corral/kernel";
import { type Draft, foldAll, type SessionEvent } from "@corral/protocol";
import type { Evidence } from "../look/evidence.ts";
import { asked, ended, opened, placed, queued, said, session, started, turnNamed, write } from "./book.ts";

export interface NaiveNeed {
  readonly clock: Clock;
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly folder: string;
}

type Play = (need: NaiveNeed) => Promise<Partial<Evidence>>;

const turn = turnNamed(1);

/** Tells at once and writes in batches, because batches are faster: a crash forgets what was told. */
export const lostEvent: Play = async () => {
  const [disk, batch, follower]: SessionEvent[][] = [[], [], []];
  const flush = () => disk?.push(...(batch?.splice(0) ?? []));
  const tell = (draft: Draft, cursor: number) => {
    const event = placed(draft, cursor);
    follower?.push(event);
    batch?.push(event);
    if (batch?.length === 3) flush();
  };
  for (const [at, draft] of [opened, queued(turn), started(turn), said(turn, "I am"), said(turn, " here")].entries()) {
    tell(draft, at + 1);
  }
  // The crash: whatever waits to be written is gone.
  return { log: disk ?? [], told: [{ who: "a follower", events: follower ?? [], whole: true }] };
};

/** Keeps its place by counting what it has read: two writers count the same. */
export const twoWriters: Play = async () => {
  const log: SessionEvent[] = [];
  const append = async (draft: Draft) => {
    const cursor = log.length + 1;
    await Promise.resolve();
    log.push(placed(draft, cursor));
  };
  await append(opened);
  await Promise.all([append(queued(turn)), append(queued(turnNamed(2)))]);
  return { log };
};

/** Keeps a field beside the log, which a restart cannot bring back. */
export const stateBeside: Play = async () => {
  const log = write([opened, queued(turn), started(turn), ended(turn, "completed")]);
  const folded = foldAll(log);
  return { log, states: folded ? [{ ...folded, title: "what the model called it" }] : [] };
};

/** The harness answers a turn that was cancelled already, and both write the end. */
export const doubleEnd: Play = async () => {
  const drafts: Draft[] = [opened, queued(turn), started(turn)];
  const answer = Promise.resolve().then(() => drafts.push(ended(turn, "completed")));
  drafts.push(ended(turn, "cancelled"));
  await answer;
  return { log: write(drafts) };
};

/** A program that asks and reads its answer; without one it waits. */
const asker = ({ hostEnv }: NaiveNeed): ChildProcess =>
  spawn("sh", ["-c", "echo ask; read answer"], { env: { ...hostEnv }, stdio: ["pipe", "pipe", "ignore"] });

/** Waits for the answer to an ask, and nothing else: when the harness dies the turn waits for ever. */
export const hungAsk: Play = async (need) => {
  const drafts: Draft[] = [opened, queued(turn), started(turn)];
  const harness = asker(need);
  if (harness.stdout) await once(harness.stdout, "data");
  drafts.push(asked(turn));
  const answered = Promise.withResolvers<string>();
  const play = answered.promise.then(() => drafts.push(ended(turn, "completed")));
  harness.kill("SIGKILL");
  await once(harness, "exit");
  await Promise.race([play, sleep(need.clock, 300)]);
  return { log: write(drafts) };
};

/** Goes on with new work after a crash and tidies up later. */
export const lateLoss: Play = async () => {
  const next = turnNamed(2);
  const before = [opened, queued(turn), started(turn)];
  const after = [queued(next), ended(turn, "lost"), started(next), ended(next, "completed")];
  return { log: write([...before, ...after]), crashes: [{ cursor: before.length }] };
};

/** The session lives in the connection of its viewer, and goes with it. */
export const viewerOwned: Play = async () => {
  const sessions = new Map([[session, write([opened])]]);
  const viewer = new EventTarget();
  viewer.addEventListener("close", () => sessions.delete(session));
  viewer.dispatchEvent(new Event("close"));
  return { afterwards: sessions.has(session) ? "completed" : undefined };
};
