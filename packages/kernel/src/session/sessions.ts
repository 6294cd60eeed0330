/** All sessions of a daemon: opened, found, listed, forked and removed, and brought back after a restart. */
import { rm, stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import {
  askPolicySchema,
  type Draft,
  Fault,
  fold,
  isId,
  makeId,
  type OpenSession,
  type RunRow,
  type Session,
  type SessionEvent,
  type SessionId,
} from "@corral/protocol";
import { removePrivate } from "../agents/private-file.ts";
import type { Keyed, Sessions } from "../kernel.ts";
import type { Harness } from "../ports/harness.ts";
import type { Head, Receipt } from "../ports/store.ts";
import { settlesWithin } from "../process/waiting.ts";
import { referencedSecrets } from "../secrets/references.ts";
import { sessionDir } from "./attachment.ts";
import { copyTree } from "./copy-tree.ts";
import { createView, type Desk, type House, stateOf } from "./desk.ts";
import { forkHistory, forkOpening } from "./fork.ts";
import { createLanes } from "./lane.ts";
import { claim } from "./receipts.ts";
import { recover, wasInterrupted } from "./recover.ts";
import { sessionMissing, stopping } from "./refusals.ts";
import { type ForkRequest, LiveSession } from "./session.ts";

export interface SessionsNeed extends House {
  /** Where a session works that names no directory. */
  readonly defaultCwd: string;
}

const prefix = "ses_";
const headsPage = 500;
const maxLoaded = 1000;
const foldPage = 1000;

export class AllSessions implements Sessions {
  readonly #need: SessionsNeed;
  readonly #loaded = new Map<SessionId, Promise<LiveSession>>();
  /** Those that were put away, in case somebody still holds them. */
  readonly #away = new Map<SessionId, WeakRef<LiveSession>>();
  readonly #lanes = createLanes();
  #stopping = false;
  #bornMs = 0;

  constructor(need: SessionsNeed) {
    this.#need = need;
  }

  open(request: OpenSession, { key }: Keyed = {}): Promise<Session> {
    return this.#lanes.run(key ?? this.#newId(), async () => {
      if (this.#stopping) throw stopping();
      const { answered, receipt } = await claim<Session>(this.#need, { key, scope: "open", request });
      if (answered) return answered;
      const harness = this.#harness(request.agent);
      const { cwd = this.#need.defaultCwd, secrets } = request;
      await checkDirectory(cwd);
      const desk = this.#desk(this.#newId(), undefined, 0, checkSecrets(harness, secrets, request.mcpServers));
      await desk.view.append([opening(request, { cwd, options: await checkOptions(harness, request.options) })], {
        receipt,
      });
      return this.#keep(desk).state();
    });
  }

  async list({ after, limit }: Parameters<Sessions["list"]>[0]): ReturnType<Sessions["list"]> {
    const heads = await this.#need.store.subjects({ prefix, limit: limit + 1, ...(after ? { below: after } : {}) });
    const items = await Promise.all(heads.slice(0, limit).map((head) => this.#glance(head)));
    const last = heads[limit - 1];
    return { items, ...(heads.length > limit && last ? { next: last.subject } : {}) };
  }

  find(session: SessionId): Promise<LiveSession> {
    const loaded = this.#loaded.get(session);
    if (loaded) return loaded;
    const loading = this.#back(session);
    this.#loaded.set(session, loading);
    loading.catch(() => this.#loaded.delete(session));
    void this.#putAway();
    return loading;
  }

  async remove(session: SessionId): Promise<void> {
    const known = this.#loaded.has(session) || (await this.#need.store.head(session));
    if (!known) return;
    const live = await this.find(session);
    await live.stop("session.removed", { outcome: "cancelled" });
    await this.#need.store.remove(session);
    this.#loaded.delete(session);
    await rm(sessionDir({ stateDir: this.#need.stateDir, id: session }), { recursive: true, force: true });
  }

  /** Brings back what a former daemon left: lost turns are ended first, then the queues go on. */
  async recover({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const interrupted: SessionId[] = [];
    for (let below: string | undefined; ; ) {
      const heads = await this.#need.store.subjects({ prefix, limit: headsPage, ...(below ? { below } : {}) });
      for (const head of heads)
        if (isId("session", head.subject) && wasInterrupted(head)) interrupted.push(head.subject);
      below = heads.at(-1)?.subject;
      if (heads.length < headsPage) break;
    }
    for (const id of interrupted.toReversed()) if (!signal?.aborted) await this.#bringBack(id);
  }

  /** One log that cannot be read must not keep the others away. */
  async #bringBack(id: SessionId): Promise<void> {
    try {
      await this.find(id);
    } catch (error) {
      this.#need.surprise(error, `${id} could not be brought back`);
    }
  }

  /** The harnesses that are alive, and whose they are. */
  async runs(): Promise<readonly RunRow[]> {
    const rows = await this.#need.processes.list();
    const byRun = new Map(rows.map((row) => [row.run, row]));
    const sessions = await Promise.all(this.#loaded.values());
    return sessions.flatMap((live) => {
      const { harness, agent, id } = live.state();
      // A process that serves several sessions has a run of its own, and is a row of each of them.
      const row = harness && (byRun.get(harness.run) ?? rows.find(({ pid }) => pid === harness.pid));
      if (!row) return [];
      const { run, pid, startedAt, residentBytes } = row;
      return [{ run, session: id, agent, pid, startedAt, residentBytes }];
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const fault = new Fault("daemon.stopping", { detail: "The daemon was stopped.", help: "Prompt again." }).toRecord();
    const end = { outcome: "cancelled" as const, fault: { code: fault.code, detail: fault.detail } };
    const sessions = await Promise.allSettled(this.#loaded.values());
    const live = sessions.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const { clock, limits, surprise } = this.#need;
    const ends = Promise.all(live.map((one) => one.stop("daemon.stopping", end)));
    if (await settlesWithin(clock, ends, limits.stopMs)) return void (await ends);
    surprise(new Error(`not ended within ${limits.stopMs} ms`), "the daemon stops without waiting for its sessions");
    for (const { log } of live) log.end("daemon.stopping");
  }

  /** Sessions are listed by their ids: the newest is the last that was made, also within one millisecond. */
  #newId(): SessionId {
    const { clock } = this.#need;
    this.#bornMs = Math.max(clock.now(), this.#bornMs + 1);
    return makeId("session", this.#bornMs, clock.chance(16));
  }

  #harness(agent: string): Harness {
    const harness = this.#need.harnesses.get(agent);
    if (harness) return harness;
    throw agentMissing(agent, this.#need.harnesses);
  }

  #desk(id: SessionId, state: Session | undefined, last: number, secrets?: Readonly<Record<string, string>>): Desk {
    const box = { values: secrets };
    return { ...this.#need, id, view: createView(this.#need, { id, state, last, secrets: box }), secrets: box };
  }

  #keep(desk: Desk): LiveSession {
    const live = this.#live(desk);
    this.#loaded.set(desk.id, Promise.resolve(live));
    return live;
  }

  #live(desk: Desk): LiveSession {
    return new LiveSession({
      ...desk,
      fork: (from, cursor, request, receipt) => this.#fork(from, cursor, request, receipt),
      checkSecrets: (secrets) => {
        const { agent, mcpServers } = stateOf(desk);
        checkSecrets(this.#harness(agent), secrets, mcpServers);
      },
      woken: (live) => void this.#loaded.set(desk.id, Promise.resolve(live)),
    });
  }

  /** A log has one writer: whoever was put away and is still held by somebody is found again, not made again. */
  async #back(id: SessionId): Promise<LiveSession> {
    const held = this.#away.get(id)?.deref();
    this.#away.delete(id);
    if (held) return held;
    if (this.#stopping) throw stopping();
    return this.#load(id);
  }

  async #load(id: SessionId): Promise<LiveSession> {
    const head = await this.#need.store.head(id);
    if (!head) throw sessionMissing(id);
    const desk = this.#desk(id, await this.#foldHead(head), head.last);
    if (wasInterrupted(head)) await recover(desk);
    const live = this.#live(desk);
    live.pump();
    return live;
  }

  async #foldHead({ subject, last, snapshot }: Head): Promise<Session> {
    let state = snapshot && (JSON.parse(snapshot.text) as Session);
    for (let cursor = snapshot?.cursor ?? 0; cursor < last; ) {
      const { items } = await this.#need.store.read(subject, { after: cursor, limit: foldPage });
      for (const { text } of items) state = fold(state, JSON.parse(text) as SessionEvent);
      cursor = items.at(-1)?.cursor ?? last;
    }
    if (!state) throw new Fault("store.damaged", { detail: `${subject} has a log but no session.opened in it.` });
    return state;
  }

  /** A session that is not loaded is read off its snapshot: a list does not wake anybody. */
  async #glance(head: Head): Promise<Session> {
    const { subject, snapshot, last } = head;
    const loaded = isId("session", subject) ? await this.#loaded.get(subject) : undefined;
    if (loaded) return loaded.state();
    return snapshot?.cursor === last ? (JSON.parse(snapshot.text) as Session) : this.#foldHead(head);
  }

  /** Answers what the session is when it opens, which is what its receipt tells again. */
  async #fork(
    from: LiveSession,
    cursor: number,
    { title, secrets }: ForkRequest,
    receipt: ((state: Session) => Receipt) | undefined,
  ): Promise<Session> {
    const state = from.state();
    const given = checkSecrets(this.#harness(state.agent), secrets, state.mcpServers);
    const desk = this.#desk(this.#newId(), undefined, 0, given);
    const secretNames = Object.keys(given ?? {});
    const first = forkOpening(state, cursor, { secretNames, ...(title ? { title } : {}) });
    await desk.view.append([first, ...(await forkHistory(from.log, cursor))], { receipt });
    const live = this.#keep(desk);
    const opened = live.state();
    const atEnd = cursor === state.cursor && (state.phase === "idle" || state.phase === "closed");
    if (atEnd && state.native) await this.#forkNatively(from, live, state.native);
    return opened;
  }

  /** Where the harness can branch by itself its memory is whole; where it cannot, the first prompt tells what was said. */
  async #forkNatively(from: LiveSession, live: LiveSession, native: string): Promise<void> {
    const { stateDir } = this.#need;
    try {
      // What the harness remembers lies in the session's own directory, so the fork gets its own copy of it.
      await copyTree(sessionDir({ stateDir, id: from.id }), sessionDir({ stateDir, id: live.id }));
      // The fork may have been given other secrets; its harness is told its own.
      await removePrivate(sessionDir({ stateDir, id: live.id }));
      await live.attachment.connect({ signal: new AbortController().signal, forkOf: native });
    } catch (error) {
      this.#need.surprise(error, "a fork starts without its harness; its first prompt will launch one");
    }
    live.rest();
  }

  /** Sessions at rest are put away when there are many: what they know is on the disk. */
  async #putAway(): Promise<void> {
    if (this.#loaded.size <= maxLoaded) return;
    for (const [id, loading] of [...this.#loaded].slice(0, this.#loaded.size - maxLoaded)) {
      // One that could not be loaded has left the list by itself.
      const live = await loading.catch(() => undefined);
      if (!live?.atRest || (await this.#loaded.get(id)) !== live || !live.atRest) continue;
      this.#loaded.delete(id);
      this.#away.set(id, new WeakRef(live));
    }
  }
}

function opening(
  { agent, title, model, mode, labels, mcpServers, secrets, policy }: OpenSession,
  { cwd, options }: { readonly cwd: string; readonly options: Readonly<Record<string, unknown>> | undefined },
): Draft {
  const body = {
    agent,
    cwd,
    policy: policy ?? askPolicySchema.parse({}),
    ...(title ? { title } : {}),
    ...(model ? { model } : {}),
    ...(mode ? { mode } : {}),
    ...(labels ? { labels } : {}),
    ...(mcpServers ? { mcpServers } : {}),
    ...(options ? { options } : {}),
    ...(secrets ? { secretNames: Object.keys(secrets) } : {}),
  };
  return { type: "session.opened", source: "person", data: body };
}

export const agentMissing = (agent: string, known: ReadonlyMap<string, Harness>): Fault =>
  new Fault("agent.missing", {
    detail: `There is no agent "${agent}".`,
    help: `Choose one of: ${[...known.keys()].join(", ")}.`,
    more: { agents: [...known.keys()] },
  });

async function checkDirectory(cwd: string): Promise<void> {
  // Whatever keeps it from being looked at, it is no directory to work in.
  const found = isAbsolute(cwd) ? await stat(cwd).catch(() => undefined) : undefined;
  if (found?.isDirectory()) return;
  throw new Fault("workspace.missing", {
    detail: `"${cwd}" is not an existing directory, or not an absolute path.`,
    help: "Make the directory first, and give its absolute path.",
  });
}

function checkSecrets(
  { id, secrets: names }: Harness,
  secrets: Readonly<Record<string, string>> | undefined,
  mcpServers: OpenSession["mcpServers"] = [],
): Readonly<Record<string, string>> | undefined {
  const known = [...names, ...referencedSecrets(mcpServers)];
  const stray = Object.keys(secrets ?? {}).find((name) => !known.includes(name));
  if (stray === undefined) return secrets;
  throw new Fault("agent.options", {
    detail: `The agent "${id}" takes no secret named ${stray}.`,
    help: known.length > 0 ? `It takes: ${known.join(", ")}.` : "It takes none.",
  });
}

async function checkOptions(
  { id, options: schema }: Harness,
  options: Readonly<Record<string, unknown>> | undefined,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (options === undefined) return undefined;
  const parsed = await schema?.safeParseAsync(options);
  if (parsed?.success) return parsed.data;
  const issues = parsed?.error.issues.map(({ path, message }) => ({ path: path.join("."), message })) ?? [];
  const first = issues[0];
  throw new Fault("agent.options", {
    detail: first ? `${first.path || "options"}: ${first.message}` : `The agent "${id}" takes no options.`,
    help: `See GET /v1/agents/${id} for what it takes.`,
    more: { issues },
  });
}
