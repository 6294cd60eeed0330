/** One JSON-RPC conversation over a pair of pipes: ours to ask and to answer, whatever the other side writes. */
import type { Readable, Writable } from "node:stream";
import { cutText, deepestJson, Fault } from "@corral/protocol";
import type { Notice } from "../ports/harness.ts";
import { createLines } from "./lines.ts";
import { type Frame, isFrame, RpcError, rpcCodes, type Serve } from "./rpc.ts";
import { parseTame, type Tame } from "./tame.ts";

export const maxFrameBytes = 16 * 1024 * 1024;
/** So much may wait for a side that does not read; then it is not read either. */
const maxUnreadBytes = maxFrameBytes;
const maxNotices = 200;
const noticeBytes = 2048;

export interface PeerNeed {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Methods that the other side may request; any other is answered with -32601. */
  readonly serves: Readonly<Record<string, Serve>>;
  /** What the other side tells; a promise in return stops reading until it resolves. */
  readonly onNotification: (method: string, params: unknown) => Promise<void> | undefined;
  readonly onNotice: (notice: Notice) => void;
}

export interface Peer {
  /** Rejects with an `RpcError` that the other side answered, or with the reason for which the peer was closed. */
  request(method: string, params: unknown): Promise<unknown>;
  notify(method: string, params: unknown): void;
  /** Resolves when everything that the other side wrote has been read. */
  readonly drained: Promise<void>;
  /** Resolves when no conversation is possible any more, because either pipe is gone; the other side may live on. */
  readonly broken: Promise<void>;
  /** Passes a notice on, as long as there are not too many. */
  notice(kind: Notice["kind"], text: string): void;
  /** Rejects every open request, ours and theirs. */
  close(reason: Error): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Error) => void;
}

class JsonRpcPeer implements Peer {
  readonly drained: Promise<void>;
  readonly broken: Promise<void>;
  readonly #need: PeerNeed;
  readonly #waiting = new Map<number, Waiting>();
  readonly #serving = new Map<unknown, AbortController>();
  #lastId = 0;
  #notices = 0;
  #closed: Error | undefined;

  constructor(need: PeerNeed) {
    this.#need = need;
    const { promise: unheard, resolve } = Promise.withResolvers<void>();
    // The write itself has nobody to tell.
    need.stdin.on("error", () => resolve());
    this.drained = this.#read();
    this.broken = Promise.race([unheard, this.drained]);
  }

  request(method: string, params: unknown): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#write({ jsonrpc: "2.0", id, method, params });
    });
  }

  notify(method: string, params: unknown): void {
    this.#write({ jsonrpc: "2.0", method, params });
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    for (const abort of this.#serving.values()) abort.abort(reason);
    this.#serving.clear();
  }

  #write(frame: Frame): void {
    if (this.#need.stdin.writable) this.#need.stdin.write(`${JSON.stringify(frame)}\n`);
  }

  /** Whoever asks and asks without reading the answers must not fill our memory. */
  async #room(): Promise<void> {
    const { stdin } = this.#need;
    if (stdin.writableLength <= maxUnreadBytes || stdin.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        stdin.off("drain", done).off("close", done);
        resolve();
      };
      stdin.on("drain", done).on("close", done);
    });
  }

  async #read(): Promise<void> {
    const lines = createLines(maxFrameBytes);
    try {
      for await (const bytes of this.#need.stdout) {
        for (const line of lines.push(bytes)) {
          await this.#line(line);
          await this.#room();
        }
      }
    } catch {
      // A pipe that breaks and a pipe that ends are the same to us: the process is gone, and its owner says how.
    }
    const rest = lines.end();
    if (rest) await this.#line(rest);
  }

  #line(line: Buffer | { readonly oversizedBytes: number }): Promise<void> | undefined {
    if (!Buffer.isBuffer(line)) {
      const text = `A frame of ${line.oversizedBytes} bytes is over the limit of ${maxFrameBytes} and was left out.`;
      this.notice("oversized_frame", text);
      return undefined;
    }
    const text = line.toString("utf8").trim();
    if (text === "") return undefined;
    let frame: Tame;
    try {
      frame = parseTame(text);
    } catch {
      this.notice("stray_output", text);
      return undefined;
    }
    if (frame.cut)
      this.notice("unexpected_frame", `What lay deeper than ${deepestJson} levels was left out of ${text}`);
    if (isFrame(frame.value)) return this.#frame(frame.value, text);
    this.notice("unexpected_frame", text);
    return undefined;
  }

  #frame(frame: Frame, text: string): Promise<void> | undefined {
    const { method, id, params } = frame;
    if (typeof method === "string" && id === undefined) return this.#notification(method, params);
    if (typeof method === "string") {
      void this.#serve(method, id, params);
    } else {
      // An answer may have neither a result nor an error: a result that was undefined is left out by JSON.
      this.#answer(frame, text);
    }
    return undefined;
  }

  #notification(method: string, params: unknown): Promise<void> | undefined {
    if (method !== "$/cancel_request") return this.#hear(method, params);
    const id = isFrame(params) ? (params.requestId ?? params.id) : undefined;
    this.#serving.get(id)?.abort(new RpcError(-32800, "The request was cancelled."));
    return undefined;
  }

  /** What cannot be taken in is told; it must not end the reading of what comes after it. */
  async #hear(method: string, params: unknown): Promise<void> {
    try {
      await this.#need.onNotification(method, params);
    } catch (error) {
      this.notice("unexpected_frame", `${method}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #answer({ id, result, error }: Frame, text: string): void {
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (waiting) this.#waiting.delete(Number(id));
    if (!waiting) this.notice("unexpected_frame", text);
    else if (error === undefined || error === null) waiting.resolve(result);
    else waiting.reject(readError(isFrame(error) ? error : { message: error }));
  }

  async #serve(method: string, id: unknown, params: unknown): Promise<void> {
    if (this.#closed) return;
    const serve = Object.hasOwn(this.#need.serves, method) ? this.#need.serves[method] : undefined;
    if (!serve) {
      this.notice("unknown_method", method);
      this.#write({ jsonrpc: "2.0", id, error: { code: rpcCodes.method, message: `There is no method ${method}.` } });
      return;
    }
    const abort = new AbortController();
    this.#serving.set(id, abort);
    try {
      const result = await serve(params, { signal: abort.signal });
      this.#write({ jsonrpc: "2.0", id, result: result ?? null });
    } catch (error) {
      this.#write({ jsonrpc: "2.0", id, error: errorFrame(error) });
    } finally {
      if (this.#serving.get(id) === abort) this.#serving.delete(id);
    }
  }

  notice(kind: Notice["kind"], text: string): void {
    if (++this.#notices > maxNotices) return;
    const last = this.#notices === maxNotices ? " (further notices of this run are left out)" : "";
    this.#need.onNotice({ kind, text: cutText(text, noticeBytes) + last });
  }
}

function readError({ code, message, data: more }: Frame): RpcError {
  const known = typeof code === "number" ? code : rpcCodes.internal;
  return new RpcError(known, String(message ?? "The harness gave no reason."), more);
}

function errorFrame(error: unknown): Frame {
  if (error instanceof RpcError) {
    return { code: error.code, message: error.message, ...(error.data === undefined ? {} : { data: error.data }) };
  }
  const message = error instanceof Fault ? error.message : "Something unexpected happened.";
  return { code: rpcCodes.internal, message };
}

export const createPeer = (need: PeerNeed): Peer => new JsonRpcPeer(need);
