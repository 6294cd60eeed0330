/** The runtime as its doors see it: sessions, agents and runs, without a word of HTTP. */
import { join } from "node:path";
import type {
  AgentRecord,
  Answer,
  Ask,
  AskId,
  ContentBlock,
  Item,
  OpenSession,
  PatchSession,
  ResidueRecord,
  RunRow,
  Session,
  SessionId,
  StartTurn,
  Turn,
  TurnId,
} from "@corral/protocol";
import type { Discovery } from "./agents/credentials.ts";
import { createInstaller, type Installed, type Installer, type InstallOptions } from "./agents/installer.ts";
import type { FollowStep } from "./log/chunk.ts";
import { type Clock, isoTime } from "./ports/clock.ts";
import type { Harness } from "./ports/harness.ts";
import type { Page, Store } from "./ports/store.ts";
import type { Processes } from "./process/process.ts";
import { createServers } from "./process/servers.ts";
import { createAgents } from "./session/agents.ts";
import { defaultLimits, type Limits } from "./session/limits.ts";
import { AllSessions } from "./session/sessions.ts";

/** A client's name for a request that makes something: a retry under it gets the first answer. */
export interface Keyed {
  readonly key?: string;
}

export interface PromptOptions extends Keyed {
  /** The caller waits for the end of the turn anyway: that it has begun may reach the disk a moment later, together with more. */
  readonly patient?: boolean;
}

/** One session as its callers see it. */
export interface SessionHandle {
  readonly id: SessionId;
  state(): Session;
  prompt(request: StartTurn, options?: PromptOptions): Promise<Turn>;
  turn(turn: TurnId): Promise<Turn>;
  /** Resolves with the turn when it has ended; rejects only with the signal's reason, or when the session is removed. */
  ended(turn: TurnId, options?: { readonly signal?: AbortSignal }): Promise<Turn>;
  /** Resolves when the turn has ended, which it does within a bound. */
  cancel(turn: TurnId): Promise<Turn>;
  steer(prompt: readonly ContentBlock[], options?: Keyed): Promise<Session>;
  answer(ask: AskId, answer: Answer, options?: Keyed): Promise<Session>;
  asks(): readonly Ask[];
  change(patch: PatchSession): Promise<Session>;
  fork(
    request: { readonly cursor?: number; readonly title?: string; readonly secrets?: Readonly<Record<string, string>> },
    options?: Keyed,
  ): Promise<Session>;
  /** A page of wire JSON; with `waitMs` an empty page is held back until there is something or the time is up. */
  read(options: {
    readonly after: number;
    readonly limit: number;
    readonly waitMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<Page>;
  /** The past, then the present, without gap or repeat; ends with an `end` step or when the signal is aborted. */
  follow(after: number, options: { readonly signal: AbortSignal }): AsyncIterable<FollowStep>;
  transcript(options: {
    readonly after: number;
    readonly limit: number;
  }): Promise<{ items: readonly Item[]; next?: string }>;
  residue(): Promise<readonly ResidueRecord[]>;
}

export interface Sessions {
  open(request: OpenSession, options?: Keyed): Promise<Session>;
  list(options: {
    readonly after?: SessionId;
    readonly limit: number;
  }): Promise<{ items: readonly Session[]; next?: string }>;
  /** Throws `session.missing`. */
  find(session: SessionId): Promise<SessionHandle>;
  remove(session: SessionId): Promise<void>;
}

export interface Agents {
  list(options?: { readonly config?: boolean }): Promise<readonly AgentRecord[]>;
  /** Throws `agent.missing`. */
  find(agent: string, options?: { readonly config?: boolean }): Promise<AgentRecord>;
  install(agent: string, options?: InstallOptions): Promise<Installed>;
  uninstall(agent: string): Promise<void>;
}

export interface Kernel extends AsyncDisposable {
  readonly startedAt: string;
  /** What a former daemon had left, by run: it was ended and removed. */
  readonly swept: readonly ResidueRecord[];
  readonly sessions: Sessions;
  readonly agents: Agents;
  runs(): Promise<readonly RunRow[]>;
}

export interface KernelNeed {
  readonly store: Store;
  readonly clock: Clock;
  readonly processes: Processes;
  /** Installs below the state directory when absent. Closed with the kernel. */
  readonly installer?: Installer;
  /** Looks for logins on this machine; there are none when absent. */
  readonly credentials?: () => Promise<Discovery>;
  readonly harnesses: readonly Harness[];
  /** A private directory for what sessions keep beside their logs. */
  readonly stateDir: string;
  /** Where a session works that names no directory. */
  readonly defaultCwd: string;
  /** The variables that every child may have, such as PATH and LANG. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** Aborted when the daemon is to stop before it is quite there: what is not brought back yet waits for the next one. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every surprise; never a client's to see. */
  readonly surprise?: (error: unknown, where: string) => void;
}

/** Looks when the first asks, and again only when that failed. */
function once<Answer>(look: () => Promise<Answer>): () => Promise<Answer> {
  let answer: Promise<Answer> | undefined;
  return () => {
    answer ??= look().catch((error: unknown) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}

/** Resolves when everything that a former daemon left in the middle is settled: nothing new is taken before. */
export async function createKernel(need: KernelNeed): Promise<Kernel> {
  const { store, clock, processes, limits, surprise = () => undefined } = need;
  const harnesses = new Map(need.harnesses.map((harness) => [harness.id, harness]));
  const bounds = { ...defaultLimits, ...limits };
  const installer = need.installer ?? createInstaller({ ...need, programsDir: need.stateDir });
  const servers = createServers({ clock, processes, dir: join(need.stateDir, "servers") });
  const swept = await processes.sweepFormerLives();
  const left = once(() => processes.leftovers());
  const sessions = new AllSessions({ ...need, installer, servers, harnesses, limits: bounds, swept, left, surprise });
  await store.forgetReceipts(new Date(clock.now() - bounds.receiptMs).toISOString());
  await sessions.recover(need);
  // Nothing can be kept any more: whoever waits for it is told so, and does not wait for ever.
  store.lost.then(() => sessions.stop()).catch((error: unknown) => surprise(error, "the sessions of a lost store"));
  return {
    startedAt: isoTime(clock),
    swept,
    sessions,
    agents: createAgents({ ...need, harnesses, installer }),
    runs: () => sessions.runs(),
    async [Symbol.asyncDispose]() {
      // First, for a session may wait for what is being installed.
      await installer[Symbol.asyncDispose]();
      await sessions.stop();
      await servers[Symbol.asyncDispose]();
    },
  };
}
