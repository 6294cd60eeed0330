/** What a reader of events is promised: each once, in order, whatever happens on the way. */
import { Fault, type SessionEvent } from "@corral/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import { connect } from "./connect.ts";
import { openProxy } from "./proxy.fixture.ts";
import { platformSleep, type Sleep } from "./sleep.ts";
import { chanceFrom, createLogFixture, everything, type LogFixture, refuse, serveLog } from "./wire.fixture.ts";

/** Back-off passes quickly; the beats that count silence take the time they are given here. */
const quickly =
  (beatMs = 5_000): Sleep =>
  (delayMs, options) =>
    platformSleep(delayMs === 5_000 ? beatMs : delayMs / 500, options);

const open: AsyncDisposable[] = [];
const kept = <Thing extends AsyncDisposable>(thing: Thing): Thing => {
  open.push(thing);
  return thing;
};
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

const close = (log: LogFixture) => log.append({ type: "session.closed", source: "person", data: { reason: "person" } });

async function sessionAt(url: string, log: LogFixture, { beatMs = 5_000 } = {}) {
  return connect({ url, sleep: quickly(beatMs) }).sessions.get(log.id, { patienceMs: 60_000 });
}

const cursors = (events: readonly SessionEvent[]) => events.map(({ cursor }) => cursor);
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at);

describe("on a road that cuts, dawdles and repeats", () => {
  test.each(upTo(60))(
    "seed %i: the reader sees the log, nothing more, nothing less",
    { timeout: 60_000 },
    async (seed) => {
      const chance = chanceFrom(seed);
      const log = createLogFixture();
      for (let left = chance() * 25; left > 0; left--) log.say("žluťoučký 🐎 ".repeat(1 + chance() * 20));
      const server = kept(await serveLog(log));
      let cuts = 0;
      const road = kept(
        await openProxy(server.port, {
          cutAfter: () => (cuts++ < 15 && chance() < 0.8 ? Math.floor(chance() * 7_000) : undefined),
          delayMs: () => (chance() < 0.1 ? chance() * 5 : 0),
          twice: () => chance() < 0.2,
        }),
      );
      const session = await sessionAt(road.url, log);
      const seen: SessionEvent[] = [];
      for await (const event of session.events()) {
        seen.push(event);
        if (log.events.length >= 60) log.state().phase === "closed" || close(log);
        else for (let more = chance() * 3; more > 0; more--) log.say(`řádek ${more} 🐴`.repeat(1 + chance() * 30));
        if (event.cursor === log.events.length && log.state().phase !== "closed") log.say("next");
      }
      expect(seen).toEqual(log.events);
    },
  );

  test("a stream that is cut at any one of its bytes is seen whole", { timeout: 60_000 }, async () => {
    const log = createLogFixture();
    for (const text of ["🐎", "ž\r\n", ""]) log.say(text);
    close(log);
    const server = kept(await serveLog(log));
    const cut: { at?: number } = {};
    const cutAfter = () => {
      const { at } = cut;
      delete cut.at;
      return at;
    };
    const road = kept(await openProxy(server.port, { cutAfter }));
    // Only the stream takes the bad road.
    const viaRoad = (address: string, init: RequestInit) =>
      fetch(streams(init) ? address.replace(server.url, road.url) : address, { ...init, ...closing(init) });
    const session = await connect({ url: server.url, fetch: viaRoad, sleep: quickly() }).sessions.get(log.id);
    let whole = false;
    let at = 2_250;
    for (; !whole; at += 3) {
      cut.at = at;
      const before = road.connections();
      expect(await everything(session.events())).toEqual(log.events);
      whole = road.connections() === before + 1;
    }
    expect(at).toBeGreaterThan(3_000);
  });
});

const streams = (init: RequestInit) => (init.headers as Record<string, string>).accept === "text/event-stream";
const closing = (init: RequestInit) => ({ headers: { ...init.headers, connection: "close" } });

describe("when the daemon goes away", () => {
  test("a restart in the middle of a stream leaves no gap and repeats nothing", async () => {
    const log = createLogFixture();
    let server = kept(await serveLog(log));
    const session = await sessionAt(server.url, log);
    const seen: SessionEvent[] = [];
    for await (const event of session.events()) {
      seen.push(event);
      if (event.cursor % 5 === 0 && log.state().phase !== "closed") {
        await server.stop();
        log.say("said while nobody listened");
        server = kept(await serveLog(log, { port: server.port }));
      }
      if (event.cursor < 23) log.say("more");
      else if (log.state().phase !== "closed") close(log);
    }
    expect(seen).toEqual(log.events);
  });

  test("a daemon that was never there is a fault at once, and the fault says how to start it", async () => {
    const log = createLogFixture();
    const server = await serveLog(log);
    await server.stop();
    const { sessions } = connect({ url: server.url });
    const fault = await sessions.get(log.id).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "daemon.unreachable", help: expect.stringContaining("corral serve") });
  });

  test("the first retry waits 1 s, none waits longer than 30 s, and an abort ends the waiting (FR-05)", async () => {
    const log = createLogFixture();
    const server = await serveLog(log);
    const stop = new AbortController();
    const waits: number[] = [];
    const sleep: Sleep = async (delayMs, options) => {
      if (delayMs === 5_000) return platformSleep(delayMs, options);
      waits.push(delayMs);
      if (waits.length === 9) stop.abort(new Error("enough"));
      options.signal.throwIfAborted();
    };
    const session = await connect({ url: server.url, sleep }).sessions.get(log.id);
    await server.stop();
    await expect(everything(session.events({ signal: stop.signal }))).rejects.toThrow("enough");
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30].map((seconds) => seconds * 1_000));
  });
});

describe("the end of a stream", () => {
  test.each([
    ["is closed", (log: LogFixture) => void close(log)],
    [
      "is removed",
      (log: LogFixture) => {
        log.removed = true;
        for (const look of [...log.watchers]) look();
      },
    ],
  ])("comes when the session %s", async (_, end) => {
    const log = createLogFixture();
    const server = kept(await serveLog(log));
    const session = await sessionAt(server.url, log);
    const seen: SessionEvent[] = [];
    for await (const event of session.events()) {
      seen.push(event);
      if (event.cursor === 1) end(log);
    }
    expect(seen).toEqual(log.events);
  });

  test("comes at once when the loop is left, and the request is gone", async () => {
    const log = createLogFixture();
    const server = kept(await serveLog(log));
    const session = await sessionAt(server.url, log);
    for await (const event of session.events()) if (event.cursor === 1) break;
    await vi.waitFor(() => expect(server.streams()).toBe(0), { timeout: 10_000 });
  });

  test("comes at once when the iterator is returned while it waits", async () => {
    const log = createLogFixture();
    const server = kept(await serveLog(log));
    const events = (await sessionAt(server.url, log)).events({ after: 1 })[Symbol.asyncIterator]();
    const waiting = events.next();
    await vi.waitFor(() => expect(server.streams()).toBe(1), { timeout: 10_000 });
    await events.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await vi.waitFor(() => expect(server.streams()).toBe(0), { timeout: 10_000 });
  });

  test("is the signal's reason when a signal is aborted", async () => {
    const log = createLogFixture();
    const server = kept(await serveLog(log));
    const stop = new AbortController();
    const reading = everything((await sessionAt(server.url, log)).events({ signal: stop.signal }));
    await vi.waitFor(() => expect(server.streams()).toBe(1), { timeout: 10_000 });
    stop.abort(new Error("I leave"));
    await expect(reading).rejects.toThrow("I leave");
  });
});

describe("cursors", () => {
  test("are each iterator's own (DR-11)", async () => {
    const log = createLogFixture();
    for (let left = 20; left > 0; left--) log.say("so");
    const server = kept(await serveLog(log));
    const events = (await sessionAt(server.url, log)).events({ after: 4 });
    const reading = [everything(events), everything(events)];
    await vi.waitFor(() => expect(server.streams()).toBe(2), { timeout: 10_000 });
    log.say("now");
    close(log);
    for (const seen of await Promise.all(reading)) expect(cursors(seen)).toEqual(upTo(23, 5));
  });

  test("that come twice are told once", async () => {
    const log = createLogFixture();
    for (let left = 5; left > 0; left--) log.say("so");
    close(log);
    const server = kept(await serveLog(log, { frames: (event) => [event, event] }));
    expect(await everything((await sessionAt(server.url, log)).events())).toEqual(log.events);
  });

  test("and texts are whole though the bytes come one by one", async () => {
    const log = createLogFixture();
    log.say("žluťoučký 🐎\r\n");
    close(log);
    const server = kept(await serveLog(log));
    const byteByByte = async (address: string, init: RequestInit) => {
      const response = await fetch(address, init);
      const bytes = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, out) {
          for (const byte of chunk) out.enqueue(Uint8Array.of(byte));
        },
      });
      return new Response(response.body?.pipeThrough(bytes), response);
    };
    const session = await connect({ url: server.url, fetch: byteByByte }).sessions.get(log.id);
    expect(await everything(session.events())).toEqual(log.events);
  });

  test("that leave one out are a fault", async () => {
    const log = createLogFixture();
    for (let left = 5; left > 0; left--) log.say("so");
    const server = kept(await serveLog(log, { frames: (event) => (event.cursor === 3 ? [] : [event]) }));
    const reading = everything((await sessionAt(server.url, log)).events());
    await expect(reading).rejects.toMatchObject({ code: "stream.broken", more: { after: 2, next: 4 } });
  });

  test("that were trimmed are said to be, and the rest is told", async () => {
    const log = createLogFixture();
    for (let left = 9; left > 0; left--) log.say("so");
    close(log);
    log.first = 6;
    const server = kept(await serveLog(log));
    const onResync = vi.fn();
    const seen = await everything((await sessionAt(server.url, log)).events({ after: 2, onResync }));
    expect(cursors(seen)).toEqual(upTo(11, 6));
    expect(onResync.mock.calls).toEqual([[{ type: "stream.resync", after: 2, first: 6 }]]);
  });

  test("beyond the log's end are the daemon's fault, and are not tried again", async () => {
    const log = createLogFixture();
    const server = kept(
      await serveLog(log, {
        before(request, response) {
          if (!request.url?.includes("/events")) return false;
          refuse(response, new Fault("cursor.ahead", { detail: "The log has 1 event." }));
          return true;
        },
      }),
    );
    const session = await sessionAt(server.url, log);
    await expect(everything(session.events({ after: 99 }))).rejects.toMatchObject({ code: "cursor.ahead" });
    expect(server.requests.filter(({ line }) => line.includes("/events"))).toHaveLength(1);
  });
});

describe("silence", () => {
  test("of a connection that died is noticed, and the reader connects again", async () => {
    const log = createLogFixture();
    let dead = 0;
    const server = kept(
      await serveLog(log, {
        before(request, response) {
          if (!request.url?.includes("/events") || dead++ > 0) return false;
          response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello, and never again\n\n");
          return true;
        },
      }),
    );
    log.say("so");
    close(log);
    const session = await sessionAt(server.url, log, { beatMs: 100 });
    expect(await everything(session.events())).toEqual(log.events);
  });

  test("of a reader who takes his time is not the connection's", async () => {
    const log = createLogFixture();
    log.say("so");
    const server = kept(await serveLog(log));
    const session = await sessionAt(server.url, log, { beatMs: 50 });
    for await (const event of session.events()) {
      // More beats than a silent connection is given.
      for (let beats = 15; beats > 0; beats--) await platformSleep(50, { signal: new AbortController().signal });
      if (event.cursor === 2) close(log);
    }
    expect(server.requests.filter(({ line }) => line.includes("/events"))).toHaveLength(1);
  });

  test("of a proxy that holds streams back makes the reader ask page by page", { timeout: 60_000 }, async () => {
    const log = createLogFixture();
    for (let left = 9; left > 0; left--) log.say("so");
    const server = kept(await serveLog(log));
    const road = kept(await openProxy(server.port, { holdsBack: true }));
    const session = await sessionAt(road.url, log, { beatMs: 300 });
    const seen: SessionEvent[] = [];
    for await (const event of session.events()) {
      seen.push(event);
      if (event.cursor === 10) log.say("live");
      if (event.cursor === 11) close(log);
    }
    expect(seen).toEqual(log.events);
    const asked = server.requests.filter(({ line }) => line.includes("/events"));
    expect(asked.filter(({ headers }) => headers.accept === "text/event-stream")).toHaveLength(2);
    await everything(session.events());
    const again = server.requests.filter(({ headers }) => headers.accept === "text/event-stream");
    expect(again, "the client remembers what kind of road it is").toHaveLength(2);
  });
});

describe("follow", () => {
  test("tells the state as it is and after each event, folded as the daemon folds it", async () => {
    const log = createLogFixture();
    const server = kept(await serveLog(log));
    const session = await sessionAt(server.url, log);
    const titles: (string | undefined)[] = [];
    await session.follow((state, event) => {
      titles.push(state.title);
      if (!event) log.append({ type: "session.renamed", source: "person", data: { title: "Trot", by: "person" } });
      else if (state.phase !== "closed") close(log);
      else expect(state).toEqual(log.state());
    });
    expect(titles).toEqual([undefined, "Trot", "Trot"]);
  });
});
