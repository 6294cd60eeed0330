/** The harness of a session, while there is one: launched when it is needed, let go when it is not, missed when it dies. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cutText, type Draft, Fault, type RunId, type SessionUpdate, type TurnId } from "@corral/protocol";
import type { Connection, Host } from "../ports/harness.ts";
import type { Exit } from "../process/process.ts";
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
  leaving: boolean;
}

/** Kinds of updates that are talk; after the end of a turn talk is stale, while news of settings is still news. */
const isTalk = ({ sessionUpdate }: SessionUpdate): boolean => /_chunk$|^tool_call|^plan/.test(sessionUpdate);

export const sessionDir = ({ stateDir, id }: Pick<Desk, "stateDir" | "id">): string => join(stateDir, "sessions", id);

export class Attachment {
  readonly #need: AttachmentNeed;
  #live: Live | undefined;
  #connecting: Promise<Connection> | undefined;
  #forgetful = false;

  constructor(need: AttachmentNeed) {
    this.#need = need;
  }

  get connection(): Connection | undefined {
    return this.#live?.connection;
  }

  /** Whether the next prompt has to tell what was said before. Asking takes the mark away. */
  takeForgetful(): boolean {
    const was = this.#forgetful;
    this.#forgetful = false;
    return was;
  }

  connect(options: { readonly signal: AbortSignal; readonly forkOf?: string }): Promise<Connection> {
    if (this.#live && !this.#live.leaving) return Promise.resolve(this.#live.connection);
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

  /** Resolves when the end of a harness that has died is in the log. */
  async missed(): Promise<void> {
    await this.#live?.gone;
  }

  async #launch({ signal, forkOf }: { readonly signal: AbortSignal; readonly forkOf?: string }): Promise<Connection> {
    await this.#live?.gone;
    const need = this.#need;
    const { agent, cwd, options, mcpServers, model, mode, native } = stateOf(need);
    const harness = need.harnesses.get(agent);
    if (!harness) {
      throw new Fault("agent.missing", {
        detail: `This daemon does not know the agent "${agent}".`,
        help: "See `corral agents`.",
      });
    }
    const run = newId(need, "run");
    const restored = forkOf ? { native: forkOf, fork: true } : native ? { native } : undefined;
    const stateDir = sessionDir(need);
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const connection = await harness.connect({
      session: need.id,
      run,
      host: this.#host(run),
      cwd,
      stateDir,
      secrets: need.secrets.values ?? {},
      options: options ?? {},
      mcpServers: mcpServers ?? [],
      settings: { ...(model ? { model } : {}), ...(mode ? { mode } : {}) },
      ...(restored ? { restore: restored } : {}),
      processes: need.processes,
      clock: need.clock,
      hostEnv: need.hostEnv,
      signal,
    });
    return this.#welcome(run, connection);
  }

  async #welcome(run: RunId, connection: Connection): Promise<Connection> {
    const { how, native, pid, name, version, configOptions, modes } = connection.started;
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
    this.#live = { run, connection, gone, leaving: false };
    await this.#need.view.append([{ type: "harness.started", source: "daemon", data: started }]);
    return connection;
  }

  /** Whatever ended it, its whole run is swept, and the log says what was found. */
  async #farewell(run: RunId, { code, signal, stderr }: Exit): Promise<void> {
    const { view, processes, surprise } = this.#need;
    const live = this.#live;
    try {
      await live?.connection.close({ force: true });
      await processes.sweep(run);
      const residue = await processes.residue(run);
      const exit = {
        run,
        ...(code === undefined ? {} : { code }),
        ...(signal === undefined ? {} : { signal }),
        stderr,
        expected: live?.leaving ?? false,
      };
      await view.append([
        { type: "harness.exited", source: "daemon", data: exit },
        { type: "run.residue", source: "daemon", data: residue },
      ]);
    } catch (error) {
      surprise(error, "the end of a harness could not be written down");
    } finally {
      if (this.#live?.run === run) this.#live = undefined;
    }
  }

  #host(run: RunId): Host {
    return {
      update: (update) => this.#said(run, update),
      ask: (question, options) => this.#need.ask(question, options),
      notice: ({ kind, text }) =>
        void this.#keep({ type: "harness.notice", source: "daemon", data: { kind, text: cutText(text, 4096) } }),
    };
  }

  #said(run: RunId, update: SessionUpdate): Promise<void> | undefined {
    const current = this.#live === undefined || this.#live.run === run;
    const turn = current ? this.#need.turn() : undefined;
    turn?.heard(update);
    if (turn) return this.#keep({ type: "turn.updated", turn: turn.id, source: "agent", data: { update } });
    const stale = !current || isTalk(update) ? { stale: true as const } : {};
    return this.#keep({ type: "session.updated", source: "agent", data: { update, ...stale } });
  }

  /** Posted without waiting, in order; when too much is on its way the harness is asked to hold. */
  #keep(draft: Draft): Promise<void> | undefined {
    const { view, limits, unkept } = this.#need;
    view.append([draft]).then(undefined, unkept);
    return view.log.pending > limits.pendingAppends ? view.log.drained : undefined;
  }
}
