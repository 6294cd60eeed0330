/** Plays the harness's side of a recorded conversation to its driver: what the driver writes must be what was written then. */
import { PassThrough } from "node:stream";
import type { Child, Exit, Processes, SpawnNeed } from "@corral/kernel";
import type { Direction } from "../tap.ts";

export interface Frame {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  /** Records of Pi have one, and no method; see `wordsOf`. */
  readonly type?: string;
}

/** What a driver wrote, in the words of JSON-RPC: Pi has records of its own for the same. */
export function wordsOf(frame: Frame): Frame {
  const { type, id, ...rest } = frame;
  if (type === undefined) return frame;
  return type === "extension_ui_response" ? { id, result: rest } : { id, method: type, params: rest };
}

export interface Row {
  /** Milliseconds since the recording began. */
  readonly t: number;
  readonly note?: string;
  readonly dir?: Direction;
  readonly msg?: Frame;
  /** A line that was no frame. */
  readonly stray?: string;
}

export const readRows = (text: string): readonly Row[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

/** What a recording notes when a process is started. */
export const processNote = "PROCESS";

/** Older recordings have no such notes; their protocols begin with `initialize`. */
export function processesIn(rows: readonly Row[]): readonly (readonly Row[])[] {
  const noted = rows.some(({ note }) => note === processNote);
  const begins = ({ note, dir, msg }: Row) =>
    noted ? note === processNote : msg?.method === "initialize" && dir === "client>agent";
  const found: Row[][] = [];
  for (const row of rows) {
    if (begins(row)) found.push([]);
    if (row.dir) found.at(-1)?.push(row);
  }
  return found;
}

const quiet: Exit = { code: 0, stderr: { head: [], tail: [], totalLines: 0, truncated: false } };

/** Whatever has to be read and answered is, once the loop of events has gone round a few times. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 4; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The pipes of a process that is only a recording. */
export class Player {
  readonly #stdin = new PassThrough();
  readonly #stdout = new PassThrough();
  readonly #written: Frame[] = [];
  readonly #gone = Promise.withResolvers<Exit>();
  #wake = Promise.withResolvers<void>();

  constructor() {
    let rest = "";
    this.#stdin.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.#written.push(...lines.filter(Boolean).map((line) => JSON.parse(line) as Frame));
      this.#wake.resolve();
    });
  }

  processes(tempDir: string): Processes {
    const none = { run: "run_none", processes: [], ports: [], sockets: [], directories: [] } as never;
    return {
      spawn: (need: SpawnNeed) => Promise.resolve(this.#child(need)),
      tempDir: () => Promise.resolve(tempDir),
      list: () => Promise.resolve([]),
      residue: () => Promise.resolve(none),
      sweep: () => Promise.resolve(none),
      sweepFormerLives: () => Promise.resolve([]),
      leftovers: () => Promise.resolve([]),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async say({ msg, stray }: Row): Promise<void> {
    this.#stdout.write(`${stray ?? JSON.stringify(msg)}\n`);
    await settled();
  }

  /** Resolves with the next frame that the driver writes. */
  async heard(): Promise<Frame> {
    for (;;) {
      const next = this.#written.shift();
      if (next) return wordsOf(next);
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  }

  end(): void {
    this.#stdout.end();
    this.#gone.resolve(quiet);
  }

  #child({ name, run }: SpawnNeed): Child {
    const close = () => {
      this.end();
      return this.#gone.promise;
    };
    const { promise: exited } = this.#gone;
    const stderr = () => quiet.stderr;
    const [stdin, stdout] = [this.#stdin, this.#stdout];
    return { pid: 1, name, run, startedAt: "", stdin, stdout, stderr, exited, signal: () => undefined, close };
  }
}
