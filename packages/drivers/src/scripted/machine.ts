/** The process that the scripted harness runs as: its time, its chance and the ways in which it may come to an end. */
import { randomUUID } from "node:crypto";

export interface Machine {
  /** Calls back once after a while; the answer takes it back. A pending call keeps the program alive. */
  after(delayMs: number, call: () => void): () => void;
  /** Resolves when everything that waits to be read has had its turn. */
  soon(): Promise<void>;
  newId(): string;
  exit(code: number): void;
  /** Sends itself a signal. */
  die(signal: NodeJS.Signals): void;
  /** Outlives SIGTERM, SIGHUP and the end of its input from now on. */
  deafen(): void;
  readonly deaf: boolean;
  /** Calls back whenever a signal comes that would else end the program. */
  onSignal(signal: NodeJS.Signals, call: () => void): void;
  /** Calls back before SIGTERM or SIGHUP ends the program. */
  onTerminate(call: () => void): void;
}

const terminations = ["SIGTERM", "SIGHUP"] as const;
const longMs = 2 ** 30;

export function thisProcess(): Machine {
  let deaf = false;
  const endings: (() => void)[] = [];
  const terminate = (signal: NodeJS.Signals) => {
    if (deaf) return;
    for (const ending of endings) ending();
    for (const each of terminations) process.removeListener(each, terminate);
    process.kill(process.pid, signal);
  };
  for (const signal of terminations) process.on(signal, terminate);
  return {
    after(delayMs, call) {
      const timer = setTimeout(call, delayMs);
      return () => clearTimeout(timer);
    },
    soon: () => new Promise((resolve) => void setImmediate(resolve)),
    newId: () => randomUUID(),
    exit: (code) => process.exit(code),
    die: (signal) => void process.kill(process.pid, signal),
    deafen() {
      // Once its pipes are closed nothing else would keep the program alive.
      if (!deaf) setInterval(() => undefined, longMs);
      deaf = true;
    },
    get deaf() {
      return deaf;
    },
    onSignal: (signal, call) => void process.on(signal, call),
    onTerminate: (call) => void endings.push(call),
  };
}

/** Resolves after a while, or rejects with the signal's reason when it is aborted first. */
export function pause(machine: Machine, delayMs: number, { signal }: { signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      takeBack();
      reject(signal.reason);
    };
    const takeBack = machine.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
