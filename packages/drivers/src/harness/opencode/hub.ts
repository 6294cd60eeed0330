/** The one stream of events of an OpenCode server, told to each session that is meant; when it breaks, the server is ended. */
import { type Clock, type Exit, type Frame, frame, isFrame, type Server } from "@corral/kernel";
import { Fault, isFault } from "@corral/protocol";
import { createParser } from "eventsource-parser";
import { text } from "../reading.ts";

export interface Told {
  readonly type: string;
  readonly properties: Frame;
  /** Whether it is of the conversation itself, and not of one that it started for a subordinate. */
  readonly own: boolean;
}

/** A promise in return asks the stream to wait. */
export type Listener = (told: Told) => Promise<void> | undefined;

/** It says something every ten seconds, if only that it lives. */
const silenceLimitMs = 45_000;

/** Further events of a cut stream are no use: whoever missed the end of a turn would wait for ever. */
const maxFrameBytes = 64 * 1024 * 1024;

/** What `fetch` said of it is for no person. */
const deaf = (how: string, cause?: unknown): Fault =>
  new Fault("harness.start", {
    detail: `OpenCode's server was asked for its stream of events, and that was ${how}.`,
    help: "Prompt again: another server is started.",
    ...(cause === undefined ? {} : { cause }),
  });

export class Hub {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, Listener>();
  /** Of conversations that the agent itself started: whose they are. */
  readonly #roots = new Map<string, string>();
  /** Told of the server's end; a set, since its promise would keep whoever ever waited for it. */
  readonly #mourners = new Set<(exit: Exit) => void>();
  #exit: Exit | undefined;
  readonly #leave = new AbortController();
  #takeBack: (() => void) | undefined;

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    void server.exited.then((exit) => this.#end(exit));
  }

  /** Resolves when events come. */
  async open(): Promise<void> {
    const { url, headers } = this.#server;
    const { signal } = this.#leave;
    this.#watch();
    try {
      const response = await fetch(new URL("/global/event", url), { headers, signal, redirect: "error" });
      if (!response.ok || !response.body) throw deaf(`answered with the HTTP status ${response.status}`);
      void this.#read(response.body);
    } catch (error) {
      this.#hangUp();
      throw isFault(error) ? error : deaf("not answered", error);
    }
  }

  listen(native: string, listener: Listener): () => void {
    this.#listeners.set(native, listener);
    return () => {
      // Somebody else may have the conversation by now.
      if (this.#listeners.get(native) !== listener) return;
      this.#listeners.delete(native);
      for (const [child, root] of this.#roots) if (root === native) this.#roots.delete(child);
    };
  }

  /** Tells of the server's end, once and also when it came before; what is given back takes the listener away. */
  onEnd(listener: (exit: Exit) => void): () => void {
    this.#mourners.add(listener);
    if (this.#exit) this.#end(this.#exit);
    return () => void this.#mourners.delete(listener);
  }

  #end(exit: Exit): void {
    this.#exit = exit;
    this.#takeBack?.();
    this.#leave.abort();
    const mourners = [...this.#mourners];
    this.#mourners.clear();
    for (const tell of mourners) tell(exit);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const events: string[] = [];
    const parser = createParser({ maxBufferSize: maxFrameBytes, onEvent: ({ data }) => void events.push(data) });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        // While the log is behind it is we who are silent.
        this.#takeBack?.();
        parser.feed(decoder.decode(chunk, { stream: true }));
        for (const event of events.splice(0)) await this.#hear(event);
        this.#watch();
      }
    } catch {
      // Cut or broken: either way nothing more comes of it, and what follows is the same.
    }
    this.#hangUp();
  }

  /** A server without its stream can be asked, and not heard: it is ended like one that hangs. */
  #hangUp(): void {
    this.#takeBack?.();
    this.#leave.abort();
    // What could not be ended now is ended with the daemon; who waits for the server waits for its end.
    this.#server.close().catch(() => undefined);
  }

  #watch(): void {
    this.#takeBack?.();
    this.#takeBack = this.#clock.after(silenceLimitMs, () => this.#hangUp());
  }

  #hear(event: string): Promise<void> | undefined {
    const { payload: told } = frame(JSON.parse(event));
    const { type, properties } = frame(told);
    const native = text(frame(properties).sessionID);
    if (typeof type !== "string" || !isFrame(properties) || native === "") return undefined;
    if (type === "session.created") this.#adopt(native, text(frame(properties.info).parentID));
    const root = this.#roots.get(native) ?? native;
    return this.#listeners.get(root)?.({ type, properties, own: root === native });
  }

  #adopt(native: string, parent: string): void {
    const root = parent === "" ? undefined : (this.#roots.get(parent) ?? parent);
    if (root !== undefined && this.#listeners.has(root)) this.#roots.set(native, root);
  }
}
