/** One request while it is being answered: when its caller hangs up or the daemon stops, whoever waits in it learns why. */
import { Fault } from "@corral/protocol";
import type { Call } from "./call.ts";

/** The caller is gone; there is nobody to tell. */
export class HungUp extends Error {
  override readonly name = "HungUp";
}

export interface Exchange {
  readonly signal: AbortSignal;
  hangUp(): void;
  /** Aborts with the daemon's reason; whoever waits then answers with it. */
  stop(): void;
  /** The exchange is over; nothing aborts it any more. */
  close(): void;
}

export interface Exchanges {
  open(call: Pick<Call, "signal">): Exchange;
  /** How many are being answered now. */
  readonly size: number;
  readonly stopping: boolean;
  /** Ends all waits with `daemon.stopping`; later requests are refused. */
  stop(): void;
}

export const stoppingFault = (): Fault =>
  new Fault("daemon.stopping", {
    detail: "The daemon is on its way out and takes no more requests.",
    help: "Try again when it is back; sessions and their events are kept.",
  });

export function createExchanges(): Exchanges {
  const live = new Set<Exchange>();
  let stopping = false;
  return {
    open({ signal: caller }) {
      const abort = new AbortController();
      const exchange: Exchange = {
        signal: abort.signal,
        hangUp: () => abort.abort(new HungUp("The caller hung up.")),
        stop: () => abort.abort(stoppingFault()),
        close() {
          live.delete(exchange);
          caller.removeEventListener("abort", exchange.hangUp);
        },
      };
      live.add(exchange);
      if (caller.aborted) exchange.hangUp();
      else caller.addEventListener("abort", exchange.hangUp, { once: true });
      return exchange;
    },
    get size() {
      return live.size;
    },
    get stopping() {
      return stopping;
    },
    stop() {
      stopping = true;
      for (const exchange of live) exchange.stop();
    },
  };
}
