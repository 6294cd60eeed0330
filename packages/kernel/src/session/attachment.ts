/** The harness of a session, while there is one: launched when it is needed, let go when it is not, missed when it dies. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  cutText,
  type Draft,
  Fault,
  isFault,
  type RunId,
  type SessionUpdate,
  stderrTailSchema,
  type TurnId,
} from "@corral/protocol";
import { removePrivate } from "../agents/private-file.ts";
import type { Connection, Harness, Host, Programs, Reply } from "../ports/harness.ts";
import type { Exit } from "../process/process.ts";
import { createTally, type Tally } from "../process/tally.ts";
import { hidingAlso } from "../secrets/hide.ts";
import { createStreamRedactor, type StreamRedactor } from "../secrets/redact.ts";
import { declaredSecrets, fillReferences } from "../secrets/references.ts";
import { type Desk, newId, stateOf } from "./desk.ts";

export interface AttachmentNeed extends Desk {
  /** The turn that what is said now belongs to, if it is still open. */
  readonly turn: () => { readonly id: TurnId; heard(update: SessionUpdate): void } | undefined;
  readonly ask: Host["ask"];
  /** An event could not be kept: the running turn has to end. */
  readonly unkept: (error: unknown) => void;
}

interface Live {
  readonly run: RunId;
  readonly connection: Connection;
  /** Resolves when its end is in the log. */
  readonly gone: Promise<void>;
  /** Whether it was told to end. */
  leaving: boolean;
  /** Whether its process has ended. */
  dead: boolean;
  readonly sinceMs: number;
}

/** How a harness ended that died before its session was open, as the fault tells it. */
function exitOf(error: unknown): (Exit & { readonly expected: boolean }) | undefined {
  const { exitCode, signal, stderr } = (isFault(error) ? error.more : undefined) ?? {};
  const words = stderrTailSchema.safeParse(stderr);
  if (!words.success) return undefined;
  return {
    ...(typeof exitCode === "number" ? { code: exitCode } : {}),
    ...(typeof signal === "string" ? { signal } : {}),
    stderr: words.data,
    expected: false,
  };
}

/** Kinds of updates that are talk; after the end of a turn talk is stale, while news of settings is still news. */
const isTalk = ({ sessionUpdate }: SessionUpdate): boolean => /_chunk$|^tool_call|^plan/.test(sessionUpdate);

export const sessionDir = ({ stateDir, id }: Pick<Desk, "stateDir" | "id">): string => join(stateDir, "sessions", id);

const crashLoop = (agent: string, { count, periodMs }: Desk["limits"]["crashes"]): Fault =>
  new Fault("harness.crash_loop", {
    detail: `The agent "${agent}" died more than ${count} times within ${periodMs / 1000} s, each time soon after its start.`,
    help: "Read the last words of its stderr in harness.exited, correct the cause, and prompt again in a while.",
    more: { count, periodMs },
  });

export class Attachment {
  readonly #need: AttachmentNeed;
  #live: Live | undefined;
  #connecting: Promise<Connection> | undefined;
  #forgetful = false;
  readonly #owed: Draft[] = [];
  #settling: Promise<void> | undefined;
  readonly #tally: Tally;
  readonly #redactor: StreamRedactor;
  #speaker: RunId | undefined;

  constructor(need: AttachmentNeed) {
    this.#need = need;
    this.#tally = createTally({ clock: need.clock, intensity: need.limits.crashes });
    this.#redactor = createStreamRedactor(() => need.secrets.values);
  }

  get connection(): Connection | undefined {
    return this.#live?.connection;
  }

  /** Whether the next prompt has to tell what was said before. */
  get forgetful(): boolean {
    return this.#forgetful;
  }

  /** The harness has taken a prompt that told it. */
  remind(): void {
    this.#forgetful = false;
  }

  connect(options: { readonly signal: AbortSignal; readonly forkOf?: string }): Promise<Connection> {
    if (this.#live && !this.#live.leaving && !this.#live.dead) return Promise.resolve(this.#live.connection);
    this.#connecting ??= this.#launch(options).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** Ends the harness and everything it started; resolves when the log says so. */
  async release(options: { readonly force?: boolean } = {}): Promise<void> {
    const live = this.#live;
    if (!live) return;
    live.leaving = true;
    await live.connection.close(options);
    await live.gone;
  }

  /** Writes down how harnesses ended, should that have been impossible before. */
  settle(): Promise<void> {
    this.#settling ??= this.#pay().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  /** Resolves when the end of a harness that has died is in the log. */
  async missed(): Promise<void> {
    await this.#live?.gone;
  }

  async #launch({ signal, forkOf }: { readonly signal: AbortSignal; readonly forkOf?: string }): Promise<Connection> {
    await this.#live?.gone;
    await this.settle();
    const need = this.#need;
    const { agent, cwd, options, mcpServers, model, mode, native } = stateOf(need);
    const harness = need.harnesses.get(agent);
    if (!harness) {
      throw new Fault("agent.missing", {
        detail: `This daemon does not know the agent "${agent}".`,
        help: "See `corral agents`.",
      });
    }
    if (this.#tally.tooOften) throw crashLoop(agent, need.limits.crashes);
    const run = newId(need, "run");
    const restored = forkOf ? { native: forkOf, fork: true } : native ? { native } : undefined;
    const stateDir = sessionDir(need);
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const programs = await this.#programs(harness, signal);
    const connecting = harness.connect({
      session: need.id,
      run,
      host: this.#host(run),
      cwd,
      stateDir,
      secrets: declaredSecrets(need.secrets.values, harness.secrets),
      options: options ?? {},
      mcpServers: fillReferences(mcpServers ?? [], need.secrets.values ?? {}),
      settings: { ...(model ? { model } : {}), ...(mode ? { mode } : {}) },
      ...(restored ? { restore: restored } : {}),
      programs,
      servers: need.servers,
      processes: hidingAlso(need.processes, need.secrets.values ?? {}),
      clock: need.clock,
      hostEnv: need.hostEnv,
      signal,
    });
    return this.#welcome(run, await connecting.catch((error: unknown) => this.#stillborn(run, error)));
  }

  /** Installed at the first need of them; the log says how long that took. */
  async #programs(harness: Harness, signal: AbortSignal): Promise<Programs> {
    const { installer, clock, view } = this.#need;
    const since = clock.monotonicMs();
    const { alreadyInstalled, version = "", programs } = await installer.ready(harness, { signal });
    const ms = Math.round(clock.monotonicMs() - since);
    if (!alreadyInstalled) {
      await view.append([{ type: "harness.installed", source: "daemon", data: { version, ms } }]);
    }
    return programs;
  }

  /** Whatever a harness left that did not come up is removed; when it died by itself the log says how. */
  async #stillborn(run: RunId, error: unknown): Promise<never> {
    const exit = exitOf(error);
    if (exit) this.#tally.add(0);
    try {
      await this.#bury(run, exit);
    } catch (reason) {
      this.#need.surprise(reason, "the end of a harness that did not start could not be written down yet");
    }
    throw error;
  }

  async #welcome(run: RunId, connection: Connection): Promise<Connection> {
    const { native, pid, name, version, configOptions, modes } = connection.started;
    const { forkedFrom, native: known, turns } = stateOf(this.#need);
    // A fork at an earlier cursor has a past, and no harness that was there.
    const wasThere = known !== undefined || forkedFrom === undefined || turns === 0;
    const how = connection.started.how === "new" && !wasThere ? "replay" : connection.started.how;
    this.#forgetful = how === "replay";
    const can = [
      ...(connection.steer ? (["steer"] as const) : []),
      ...(connection.forks ? (["fork"] as const) : []),
      ...(connection.images ? (["image"] as const) : []),
    ];
    const started = {
      run,
      how,
      native,
      ...(pid === undefined ? {} : { pid }),
      ...(name ? { name } : {}),
      ...(version ? { version } : {}),
      ...(configOptions ? { configOptions: [...configOptions] } : {}),
      ...(modes ? { modes: { ...modes } } : {}),
      can,
    };
    const gone = connection.exited.then((exit) => this.#farewell(run, exit));
    this.#live = { run, connection, gone, leaving: false, dead: false, sinceMs: this.#need.clock.monotonicMs() };
    try {
      await this.#need.view.append([{ type: "harness.started", source: "daemon", data: started }]);
    } catch (error) {
      // A harness that nobody can know of is not kept.
      await this.release({ force: true });
      throw error;
    }
    return connection;
  }

  /** Whatever ended it, its whole run is swept, and the log says what was found. */
  async #farewell(run: RunId, exit: Exit): Promise<void> {
    const live = this.#live;
    const expected = live?.leaving ?? false;
    if (live) live.dead = true;
    if (live && !expected) this.#tally.add(this.#need.clock.monotonicMs() - live.sinceMs);
    try {
      await live?.connection.close({ force: true });
      await this.#bury(run, { ...exit, expected });
    } catch (error) {
      this.#need.surprise(error, "the end of a harness could not be written down yet");
    } finally {
      if (this.#live?.run === run) this.#live = undefined;
    }
  }

  async #bury(run: RunId, exit: (Exit & { readonly expected: boolean }) | undefined): Promise<void> {
    const { processes } = this.#need;
    await processes.sweep(run);
    // A key is on the disk for as long as somebody needs it.
    await removePrivate(sessionDir(this.#need));
    const residue = await processes.residue(run);
    if (exit) this.#owed.push({ type: "harness.exited", source: "daemon", data: { run, ...exit } });
    this.#owed.push({ type: "run.residue", source: "daemon", data: residue });
    await this.settle();
  }

  async #pay(): Promise<void> {
    while (this.#owed.length > 0) {
      const owed = [...this.#owed];
      await this.#need.view.append(owed);
      this.#owed.splice(0, owed.length);
    }
  }

  #host(run: RunId): Host {
    return {
      update: (update) => this.#said(run, update),
      ask: (question, options) => this.#asked(question, options),
      notice: ({ kind, text }) =>
        void this.#keep({ type: "harness.notice", source: "daemon", data: { kind, text: cutText(text, 4096) } }),
    };
  }

  /** Tells what was held back because it might have become a secret; what comes next does not continue it. */
  flush(): void {
    for (const update of this.#redactor.flush()) void this.#tell(this.#speaker, update);
  }

  #said(run: RunId, update: SessionUpdate): Promise<void> | undefined {
    this.#speaker = run;
    this.#turnOf(run)?.heard(update);
    return this.#redactor.push(update).reduce<Promise<void> | undefined>((_, one) => this.#tell(run, one), undefined);
  }

  #isCurrent(run: RunId | undefined): boolean {
    return this.#live === undefined || this.#live.run === run;
  }

  #turnOf(run: RunId | undefined): ReturnType<AttachmentNeed["turn"]> {
    return this.#isCurrent(run) ? this.#need.turn() : undefined;
  }

  #tell(run: RunId | undefined, update: SessionUpdate): Promise<void> | undefined {
    const turn = this.#turnOf(run);
    if (turn) return this.#keep({ type: "turn.updated", turn: turn.id, source: "agent", data: { update } });
    const stale = !this.#isCurrent(run) || isTalk(update) ? { stale: true as const } : {};
    return this.#keep({ type: "session.updated", source: "agent", data: { update, ...stale } });
  }

  /** A question that cannot be kept is not put to anybody. */
  async #asked(...question: Parameters<Host["ask"]>): Promise<Reply> {
    this.flush();
    try {
      return await this.#need.ask(...question);
    } catch (error) {
      this.#need.unkept(error);
      return { outcome: "cancelled" };
    }
  }

  /** Posted without waiting, in order; when too much is on its way the harness is asked to hold. */
  #keep(draft: Draft): Promise<void> | undefined {
    const { view, limits, unkept } = this.#need;
    view.append([draft]).then(undefined, unkept);
    return view.log.pending > limits.pendingAppends ? view.log.drained : undefined;
  }
}
