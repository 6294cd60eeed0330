/** Programs that serve many sessions: one for each configuration, started once for all who ask, gone when nobody needs it any more. */
import { Fault, makeId } from "@corral/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Processes } from "./process.ts";
import { isWell, type Server, type ServerLimits, type ServerPlan, startServer, usualServerLimits } from "./server.ts";
import { createTally, type Tally } from "./tally.ts";

/** The right to use a server for as long as one wants. */
export interface Lease {
  readonly server: Server;
  /** The last one who leaves lets the server rest, and after a while end. Idempotent. */
  leave(): void;
}

export interface Servers extends AsyncDisposable {
  /** A private directory for what servers keep on the disk beyond their lives. */
  readonly dir: string;
  /**
   * A healthy server of this plan: the one that runs, or a fresh one. Callers who ask at once share one start; the signal ends
   * only the waiting. Throws `harness.start` when it does not come up, and `harness.crash_loop` when that happens too often.
   */
  ensureRunning(plan: ServerPlan, options: { readonly signal: AbortSignal }): Promise<Lease>;
}

export interface ServersNeed {
  readonly clock: Clock;
  readonly processes: Processes;
  readonly dir: string;
}

const stopping = (): Fault =>
  new Fault("daemon.stopping", {
    detail: "No server is started while the daemon stops.",
    help: "Try again when it is back.",
  });

function crashLoop({ name }: ServerPlan, { count, periodMs }: ServerLimits["crashes"]): Fault {
  return new Fault("harness.crash_loop", {
    detail: `The server of ${name} died more than ${count} times within ${periodMs / 1000} s, each time soon after its start.`,
    help: "Read the last words of the fault before this one, correct the cause, and prompt again in a while.",
    more: { count, periodMs },
  });
}

/** The place of one server: empty, or with exactly one in it. */
class Place {
  readonly #need: ServersNeed;
  readonly #limits: ServerLimits;
  readonly #tally: Tally;
  #server: Server | undefined;
  #bringing: Promise<Server> | undefined;
  /** Resolves when whoever was here last has left nothing behind. */
  #cleared: Promise<void> = Promise.resolve();
  #clearing = false;
  #users = 0;
  #takeBackRest: (() => void) | undefined;
  #takeBackLeave: (() => void) | undefined;
  readonly #stopping = new AbortController();
  readonly #onEmpty: () => void;

  /** `onEmpty`: there is nothing here any more, nor anything to be remembered. */
  constructor(need: ServersNeed, limits: ServerLimits, onEmpty: () => void) {
    this.#need = need;
    this.#limits = limits;
    this.#onEmpty = onEmpty;
    this.#tally = createTally({ clock: need.clock, intensity: limits.crashes });
  }

  async enter(plan: ServerPlan, signal: AbortSignal): Promise<Lease> {
    this.#users += 1;
    this.#takeBackRest?.();
    try {
      this.#bringing ??= this.#bring(plan).finally(() => {
        this.#bringing = undefined;
        this.#retire();
      });
      const server = await heard(this.#bringing, signal);
      return { server, leave: this.#leaver() };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(stopping());
    this.#takeBackRest?.();
    this.#takeBackLeave?.();
    // One that is just coming up is ended there; why it did not come up is told to those who wait for it.
    const [closed] = await Promise.allSettled([this.#server?.close(), this.#bringing]);
    if (closed.status === "rejected") throw closed.reason;
    // It may have come up in the very moment.
    await this.#server?.close();
    await this.#cleared;
  }

  #leaver(): () => void {
    let left = false;
    return () => {
      if (!left) this.#leave();
      left = true;
    };
  }

  #leave(): void {
    this.#users -= 1;
    this.#rest();
    this.#retire();
  }

  get #isEmpty(): boolean {
    return this.#users === 0 && !this.#server && !this.#bringing && !this.#clearing;
  }

  /** An empty place is kept for as long as it counts who died here. */
  #retire(): void {
    this.#takeBackLeave?.();
    if (!this.#isEmpty || this.#stopping.signal.aborted) return;
    this.#takeBackLeave = this.#need.clock.after(this.#limits.crashes.periodMs, () => {
      if (this.#isEmpty) this.#onEmpty();
    });
  }

  /** One that nobody uses is kept for a while, in case somebody comes back. */
  #rest(): void {
    this.#takeBackRest?.();
    if (this.#users > 0 || this.#stopping.signal.aborted || !this.#server) return;
    this.#takeBackRest = this.#need.clock.after(this.#limits.restMs, () => {
      const server = this.#server;
      this.#server = undefined;
      // How it ends is told by its `exited`; a sweep that fails is repeated when the daemon closes.
      server?.close().catch(() => undefined);
    });
  }

  /** The live one is given its time to become well; only when it is gone another may come. */
  async #bring(plan: ServerPlan): Promise<Server> {
    const { clock } = this.#need;
    const limits = this.#limits;
    const present = this.#server;
    if (present && (await isWell(present, { clock, plan, limits: { ...limits, startMs: limits.healMs } })))
      return present;
    this.#server = undefined;
    await present?.close();
    await this.#cleared;
    this.#stopping.signal.throwIfAborted();
    if (this.#tally.tooOften) throw crashLoop(plan, limits.crashes);
    const server = await this.#start(plan);
    // Everybody may have left while it came up.
    this.#rest();
    return server;
  }

  async #start(plan: ServerPlan): Promise<Server> {
    const { clock, processes } = this.#need;
    const { signal } = this.#stopping;
    const run = makeId("run", clock.now(), clock.chance(16));
    const sinceMs = clock.monotonicMs();
    try {
      const server = await startServer({ clock, processes, run, plan, limits: this.#limits, signal });
      this.#server = server;
      this.#cleared = this.#watch(server, plan, sinceMs);
      return server;
    } catch (error) {
      if (!signal.aborted) this.#tally.add(0);
      await tidy(plan);
      throw error;
    }
  }

  async #watch(server: Server, plan: ServerPlan, sinceMs: number): Promise<void> {
    this.#clearing = true;
    await server.exited;
    // One that was told to end is here no more.
    if (this.#server === server) {
      this.#server = undefined;
      if (!this.#stopping.signal.aborted) this.#tally.add(this.#need.clock.monotonicMs() - sinceMs);
    }
    await tidy(plan);
    this.#clearing = false;
    this.#retire();
  }
}

async function tidy({ ended }: ServerPlan): Promise<void> {
  try {
    await ended?.();
  } catch {
    // It has ended all the same; what could not be tidied is looked at again after the next one.
  }
}

/** The caller may leave; what it waits for goes on for the others. */
async function heard<Value>(awaited: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([awaited, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** One that cannot be stopped keeps no other from being stopped. */
async function stopAll(places: readonly Place[]): Promise<void> {
  const ends = await Promise.allSettled(places.map((place) => place.stop()));
  const failed = ends.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

export function createServers(need: ServersNeed): Servers {
  const places = new Map<string, Place>();
  let stopped: Promise<void> | undefined;
  return {
    dir: need.dir,
    async ensureRunning(plan, { signal }) {
      signal.throwIfAborted();
      if (stopped) throw stopping();
      const limits = { ...usualServerLimits, ...plan.limits };
      const place = places.get(plan.key) ?? new Place(need, limits, () => places.delete(plan.key));
      places.set(plan.key, place);
      return place.enter(plan, signal);
    },
    async [Symbol.asyncDispose]() {
      stopped ??= stopAll([...places.values()]);
      await stopped;
    },
  };
}
