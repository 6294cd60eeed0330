/** A client that is a program of its own, `corral run` or `corral sessions tail -f`, so that it can be killed like one. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { SessionEvent } from "@corral/protocol";
import type { House } from "./house.ts";

export class ClientProgram {
  readonly events: SessionEvent[] = [];
  readonly gone: Promise<number | undefined>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #stderr = "";

  constructor({ corral, hostEnv, folder, url, tokenFile }: House, args: readonly string[]) {
    const [command, ...before] = corral;
    this.#child = spawn(command, [...before, ...args, "--json", "--url", url, "--token-file", tokenFile], {
      cwd: folder,
      env: { ...hostEnv, HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.gone = once(this.#child, "close").then(([code]) => (typeof code === "number" ? code : undefined));
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(line));
    void this.gone.then(() => this.#wake());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when it has printed an event, which shows that it follows; rejects when it ends without one. */
  following(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const ended = this.#child.exitCode !== null || this.#child.signalCode !== null;
        if (this.events.length === 0 && !ended) return;
        this.#waiting.delete(look);
        if (this.events.length > 0) resolve();
        else reject(new Error(`the client ended before it followed: ${this.#stderr.slice(-300)}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Nobody reads any more what it prints. */
  closePipe(): void {
    this.#child.stdout?.destroy();
  }

  #take(line: string): void {
    if (!line.startsWith('{"cursor":')) return; // The last line of `run` is its result.
    try {
      this.events.push(JSON.parse(line) as SessionEvent);
    } catch {
      // Half of an event: the last words of one that was killed.
    }
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}
