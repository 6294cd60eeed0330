/** One JSON-RPC conversation against the other side of two pipes, which writes what it likes. */
import { PassThrough } from "node:stream";
import { setImmediate as breath } from "node:timers/promises";
import { Fault } from "@corral/protocol";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { Notice } from "../ports/harness.ts";
import { createPeer, maxFrameBytes, type Peer, type PeerNeed } from "./peer.ts";
import { RpcError } from "./rpc.ts";

interface Table {
  readonly peer: Peer;
  /** What the other side writes. */
  write(...frames: readonly unknown[]): void;
  readonly raw: PassThrough;
  /** What the other side reads. */
  readonly read: () => readonly Record<string, unknown>[];
  readonly input: PassThrough;
  readonly told: readonly [string, unknown][];
  readonly notices: readonly Notice[];
}

function lay(over: Partial<PeerNeed> = {}): Table {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const told: [string, unknown][] = [];
  const notices: Notice[] = [];
  let heard = "";
  stdin.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
  });
  const peer = createPeer({
    stdin,
    stdout,
    serves: {},
    onNotification: (method, params) => {
      told.push([method, params]);
      return undefined;
    },
    onNotice: (notice) => notices.push(notice),
    ...over,
  });
  return {
    peer,
    raw: stdout,
    input: stdin,
    write: (...frames) => {
      for (const frame of frames) stdout.write(`${JSON.stringify(frame)}\n`);
    },
    read: () =>
      heard
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line)),
    told,
    notices,
  };
}
const answer = (id: unknown, more: Record<string, unknown>) => ({ jsonrpc: "2.0", id, ...more });
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

test("requests are answered by id, in whatever order", async () => {
  const { peer, write, read } = lay();
  const [one, two] = [peer.request("a", { x: 1 }), peer.request("b", {})];
  expect(read()).toEqual([
    { jsonrpc: "2.0", id: 1, method: "a", params: { x: 1 } },
    { jsonrpc: "2.0", id: 2, method: "b", params: {} },
  ]);
  write(answer(2, { result: "second" }), answer(1, { result: null }));
  expect(await Promise.all([one, two])).toEqual([null, "second"]);
});

test("a frame is read wherever its bytes are cut, with CRLF, empty lines and no last newline", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.constantFrom("\n", "\r\n", "\n\n \r\n"),
      async (cuts, newline) => {
        const { raw, told, notices, peer } = lay();
        const frames = ["👩‍👩‍👧‍👦 é", "plain", "日本"].map((text) =>
          JSON.stringify({ jsonrpc: "2.0", method: "m", params: { text } }),
        );
        const bytes = Buffer.from(frames.join(newline));
        let from = 0;
        for (const cut of cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b)) {
          raw.write(bytes.subarray(from, cut));
          from = cut;
        }
        raw.end(bytes.subarray(from));
        await peer.drained;
        expect(told.map(([, params]) => params)).toEqual([{ text: "👩‍👩‍👧‍👦 é" }, { text: "plain" }, { text: "日本" }]);
        expect(notices).toEqual([]);
      },
    ),
  );
});

test("an error that is answered rejects with its code and its data, however it is written", async () => {
  const { peer, write } = lay();
  const asked = [1, 2, 3].map(() => outcome(peer.request("m", {})));
  write(
    answer(1, { error: { code: -32602, message: "no", data: { why: "x" } } }),
    answer(2, { error: "boom" }),
    answer(3, { error: {} }),
  );
  const [first, second, third] = await Promise.all(asked);
  expect(first).toBeInstanceOf(RpcError);
  expect(first).toMatchObject({ code: -32602, message: "no", data: { why: "x" } });
  expect(second).toMatchObject({ code: -32603, message: "boom" });
  expect(third).toMatchObject({ code: -32603, message: "The harness gave no reason." });
});

test("an answer without a result is an answer, and a null error is none", async () => {
  const { peer, write } = lay();
  const asked = [peer.request("m", {}), peer.request("m", {})];
  write(answer(1, {}), answer(2, { error: null, result: 7 }));
  expect(await Promise.all(asked)).toEqual([undefined, 7]);
});

test("answers to what nobody asked are noted, once each, and disturb no open request", async () => {
  const { peer, write, notices } = lay();
  const open = peer.request("m", {});
  write(
    answer("1", { result: "a text" }),
    answer(99, { result: 1 }),
    answer(null, { error: { code: -32700, message: "?" } }),
  );
  write(answer(1, { result: "first" }), answer(1, { result: "again" }));
  expect(await open).toBe("first");
  await breath();
  expect(notices.map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => "unexpected_frame"));
});

test("lines that are no frames are noted, bounded in number and in length, and reading goes on", async () => {
  const { raw, write, told, notices } = lay();
  raw.write(`Debugger attached.\n{"half": \n[1,2]\n"text"\n7\n${"é".repeat(5000)}\n`);
  for (let at = 0; at < 1000; at++) raw.write(`noise ${at}\n`);
  write({ method: "still", params: 1 });
  await vi.waitFor(() => expect(told).toEqual([["still", 1]]));
  expect(notices).toHaveLength(200);
  expect(notices.slice(0, 5).map(({ kind }) => kind)).toEqual([
    "stray_output",
    "stray_output",
    "unexpected_frame",
    "unexpected_frame",
    "unexpected_frame",
  ]);
  for (const { text } of notices) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2048 + 60);
  expect(notices.at(-1)?.text).toContain("further notices");
});

test("a frame over 16 MiB is left out and said, and the next one is read", async () => {
  const { raw, write, told, notices } = lay();
  const piece = Buffer.alloc(1024 * 1024, "x");
  for (let at = 0; at <= maxFrameBytes / piece.length; at++) raw.write(piece);
  raw.write("\n");
  write({ method: "after" });
  await vi.waitFor(() => expect(told).toEqual([["after", undefined]]));
  expect(notices).toEqual([
    { kind: "oversized_frame", text: expect.stringContaining(String(maxFrameBytes + piece.length)) },
  ]);
});

test("a method that is not served is answered with -32601, whatever it is called", async () => {
  const { write, read, notices } = lay();
  write(
    answer(1, { method: "foo/bar" }),
    answer("s", { method: "constructor", params: {} }),
    answer(null, { method: "x" }),
  );
  await vi.waitFor(() => expect(read()).toHaveLength(3));
  expect(read().map(({ id, error }) => [id, (error as RpcError).code])).toEqual([
    [1, -32601],
    ["s", -32601],
    [null, -32601],
  ]);
  expect(notices.map(({ kind }) => kind)).toEqual(["unknown_method", "unknown_method", "unknown_method"]);
});

test("requests are served beside each other and answered under their own ids", async () => {
  const gate = Promise.withResolvers<void>();
  const { write, read } = lay({
    serves: {
      slow: async () => {
        await gate.promise;
        return "slow";
      },
      quick: async (params) => params,
      nothing: async () => undefined,
    },
  });
  write(answer(1, { method: "slow" }), answer("b", { method: "quick", params: [1] }), answer(3, { method: "nothing" }));
  await vi.waitFor(() => expect(read()).toHaveLength(2));
  gate.resolve();
  await vi.waitFor(() => expect(read()).toHaveLength(3));
  expect(read()).toEqual([
    { jsonrpc: "2.0", id: "b", result: [1] },
    { jsonrpc: "2.0", id: 3, result: null },
    { jsonrpc: "2.0", id: 1, result: "slow" },
  ]);
});

test("what a served method throws is told as an error, and a surprise without its words", async () => {
  const { write, read } = lay({
    serves: {
      rpc: async () => Promise.reject(new RpcError(-32002, "not there", { path: "x" })),
      fault: async () => Promise.reject(new Fault("file.missing", { detail: "gone" })),
      bug: async () => Promise.reject(new Error("secret stack")),
    },
  });
  write(answer(1, { method: "rpc" }), answer(2, { method: "fault" }), answer(3, { method: "bug" }));
  await vi.waitFor(() => expect(read()).toHaveLength(3));
  expect(read().map(({ error }) => error)).toEqual([
    { code: -32002, message: "not there", data: { path: "x" } },
    { code: -32603, message: "gone" },
    { code: -32603, message: "Something unexpected happened." },
  ]);
});

test("a cancelled request is told to its server and answered as cancelled; another is not touched", async () => {
  const wait = (_params: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { write, read, told } = lay({ serves: { wait } });
  write(answer(1, { method: "wait" }), answer(2, { method: "wait" }));
  write(
    { method: "$/cancel_request", params: { requestId: 1 } },
    { method: "$/cancel_request", params: { requestId: 77 } },
  );
  write({ method: "$/cancel_request" }, { method: "after" });
  await vi.waitFor(() => expect(told).toEqual([["after", undefined]]));
  await vi.waitFor(() => expect(read()).toHaveLength(1));
  expect(read()).toMatchObject([{ id: 1, error: { code: -32800 } }]);
});

test("closing rejects every open request, ours and theirs, and refuses new ones", async () => {
  const aborted: unknown[] = [];
  const served: unknown[] = [];
  const { peer, write, read } = lay({
    serves: {
      wait: (params, { signal }) => {
        served.push(params);
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          }),
        );
      },
    },
  });
  const open = [outcome(peer.request("a", {})), outcome(peer.request("b", {}))];
  write(answer(1, { method: "wait", params: 1 }));
  await vi.waitFor(() => expect(served).toEqual([1]));
  const reason = new Fault("harness.crashed", { detail: "It died." });
  peer.close(reason);
  peer.close(new Error("again"));
  expect(await Promise.all(open)).toEqual([reason, reason]);
  expect(aborted).toEqual([reason]);
  expect(await outcome(peer.request("late", {}))).toBe(reason);
  write(answer(2, { method: "wait", params: 2 }));
  await breath();
  expect(served).toEqual([1]);
  expect(read().map(({ method }) => method)).not.toContain("late");
});

test("a notification's promise stops the reading until it resolves", async () => {
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const told: unknown[] = [];
  const { raw, write, peer } = lay({
    onNotification: (_method, params) => {
      told.push(params);
      return gates[Number(params)]?.promise;
    },
  });
  write({ method: "m", params: 0 }, { method: "m", params: 1 }, { method: "m", params: 2 });
  for (let at = 0; at < 100; at++) raw.write(`${" ".repeat(10_000)}\n`);
  await breath();
  await breath();
  expect(told).toEqual([0]);
  expect(raw.writableNeedDrain).toBe(true);
  gates[0]!.resolve();
  await vi.waitFor(() => expect(told).toEqual([0, 1]));
  for (const gate of gates) gate.resolve();
  raw.end();
  await peer.drained;
  expect(told).toEqual([0, 1, 2]);
});

test("a notification that cannot be taken in is noted, and the reading goes on", async () => {
  const told: unknown[] = [];
  const { write, peer, raw, notices } = lay({
    onNotification: (_method, params) => {
      if (params === 1) throw new Error("at once");
      if (params === 2) return Promise.reject(new Error("later"));
      told.push(params);
      return undefined;
    },
  });
  write({ method: "m", params: 1 }, { method: "m", params: 2 }, { method: "m", params: 3 });
  raw.end();
  await peer.drained;
  expect(told).toEqual([3]);
  expect(notices.map(({ text }) => text)).toEqual(["m: at once", "m: later"]);
});

test("whoever asks and asks without reading the answers is not read either, until it reads", async () => {
  const stdin = new PassThrough({ highWaterMark: 1024 });
  const big = "x".repeat(1024 * 1024);
  let served = 0;
  const serves = {
    big: async () => {
      served += 1;
      return big;
    },
  };
  const { write } = lay({ stdin, serves });
  for (let at = 0; at < 100; at++) write(answer(at, { method: "big" }));
  for (let at = 0; at < 300; at++) await breath();
  expect(served).toBeLessThan(30);
  expect(stdin.writableLength).toBeLessThan(30 * big.length);
  stdin.resume();
  await vi.waitFor(() => expect(served).toBe(100));
});

test("a pipe that breaks ends the conversation and nothing else", async () => {
  const { peer, input, raw } = lay();
  const open = outcome(peer.request("m", {}));
  input.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await peer.broken;
  peer.notify("session/cancel", {});
  const late = outcome(peer.request("late", {}));
  raw.destroy(new Error("read ECONNRESET"));
  await peer.drained;
  const reason = new Error("gone");
  peer.close(reason);
  expect(await Promise.all([open, late])).toEqual([reason, reason]);
});

test("the end of what the other side writes is the end of the conversation", async () => {
  const { peer, raw, told } = lay();
  raw.end('{"method":"last"}');
  await peer.broken;
  expect(told).toEqual([["last", undefined]]);
});

const nested = (levels: number): string => `${"[".repeat(levels)}1${"]".repeat(levels)}`;

test("an answer that is nested too deep to be written down is cut, told of, and still answers (invariant 5)", async () => {
  const { peer, raw, notices } = lay();
  const asked = outcome(peer.request("session/prompt", {}));
  raw.write(`{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"no","data":${nested(20_000)}}}\n`);
  const error = await asked;
  expect(error).toBeInstanceOf(RpcError);
  expect(JSON.stringify((error as RpcError).data).length).toBeLessThan(1_000);
  expect(notices).toEqual([{ kind: "unexpected_frame", text: expect.stringContaining("deeper than 200 levels") }]);
  expect(notices[0]?.text.length).toBeLessThan(3_000);
});

test("what is told is what it will be read as: no number that JSON has no word for (invariant 3)", async () => {
  const { raw, told } = lay();
  raw.write('{"jsonrpc":"2.0","method":"a","params":{"used":1e999,"size":-0,"list":[-1E+400,0.5],"text":"1e999"}}\n');
  await vi.waitFor(() => expect(told).toHaveLength(1));
  expect(told[0]?.[1]).toStrictEqual({ used: null, size: 0, list: [null, 0.5], text: "1e999" });
});
