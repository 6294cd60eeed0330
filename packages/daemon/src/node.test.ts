/** What only a socket can show: listening, upgrades, bodies without end, readers who do not read, and a close with a bound. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { manualClock } from "@corral/kernel";
import { problemSchema } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { sinkLimitBytes } from "./call.ts";
import { breathe, openHouse, openSession, until } from "./house.fixture.ts";
import { serve } from "./node.ts";
import { get, rawClient } from "./raw-client.fixture.ts";
import { readStream } from "./stream-reader.fixture.ts";
import { openForEachTest, type SocketWire } from "./wire.fixture.ts";

const token = "correct-horse";
const { open, opened } = openForEachTest();

function problemIn(heard: string) {
  const [head = "", body = ""] = heard.split("\r\n\r\n");
  expect(head).toContain("application/problem+json");
  const problem = problemSchema.parse(JSON.parse(body));
  expect(head.startsWith(`HTTP/1.1 ${problem.status} `), head).toBe(true);
  return problem;
}

describe("listening", () => {
  test("the daemon does not listen beyond loopback without a token", async () => {
    await using house = await openHouse();
    for (const host of ["0.0.0.0", "::", "", "192.0.2.1", "example.org"]) {
      await expect(serve({ daemon: house.daemon, host, port: 0 }), host).rejects.toMatchObject({
        code: "config.invalid",
      });
    }
  });

  test("with a token it listens on all addresses and says one to call", async () => {
    await using house = await openHouse({ token });
    const served = await serve({ daemon: house.daemon, host: "0.0.0.0", port: 0 });
    expect(served.url).toBe(`http://127.0.0.1:${served.port}`);
    expect((await fetch(`${served.url}/v1/health`)).status).toBe(200);
    await served.close();
  });

  test("a port in use is a fault that says what to do", async () => {
    const { served, house } = await open();
    const again = serve({ daemon: house.daemon, port: served.port });
    await expect(again).rejects.toMatchObject({ code: "daemon.listen", help: expect.stringContaining("another port") });
  });

  test("a request without a Host is refused in the words of all other refusals", async () => {
    const client = await rawClient((await open()).served.port);
    client.send("GET /v1/health HTTP/1.1\r\nconnection: close\r\n\r\n");
    expect(problemIn(await client.closed)).toMatchObject({ status: 400, code: "request.invalid" });
  });

  test("what is not HTTP is answered as a problem", async () => {
    const { served } = await open();
    const client = await rawClient(served.port);
    client.send("HELLO\r\n\r\n");
    expect(problemIn(await client.closed).code).toBe("request.invalid");
    const nameless = await rawClient(served.port);
    nameless.send("GET /v1/health HTTP/1.0\r\n\r\n");
    expect(problemIn(await nameless.closed).code).toBe("request.invalid");
  });
});

describe("upgrades", () => {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const answerTo = async (wire: SocketWire, path: string, headers: Record<string, string> = {}) => {
    const client = await rawClient(wire.served.port);
    client.send(get(path, { ...upgrade, ...headers }));
    return problemIn(await client.closed).code;
  };

  test("an upgrade is refused like any call before anything is upgraded (D-01)", async () => {
    const wire = await open({ token });
    expect(await answerTo(wire, "/v1/ws")).toBe("auth.required");
    expect(await answerTo(wire, "/v1/health")).toBe("auth.required");
    expect(await answerTo(wire, "/v1/ws?access_token=wrong")).toBe("auth.required");
    expect(await answerTo(wire, "/v1/ws", { origin: "https://evil.example.org" })).toBe("auth.origin");
    const client = await rawClient(wire.served.port);
    client.send(get("/v1/ws", upgrade).replace("host: localhost", "host: evil.example.org"));
    expect(problemIn(await client.closed).code).toBe("auth.host");
  });

  test("a browser may show the token in the address of an upgrade, and only there", async () => {
    const wire = await open({ token });
    expect(await answerTo(wire, `/v1/ws?access_token=${token}`)).toBe("route.missing");
    expect(await answerTo(wire, "/v1/ws?access_token=wrong", { authorization: `Bearer ${token}` })).toBe(
      "route.missing",
    );
    expect((await wire.call(`/v1/sessions?access_token=${token}`)).status).toBe(401);
  });

  test("a caller who was refused for good and keeps its own end open is cut, and holds up no close", async () => {
    const { served } = await open();
    const socket = connect({ host: "127.0.0.1", port: served.port, allowHalfOpen: true });
    let heard = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    socket.on("error", () => undefined).write(get("/v1/health"));
    await until(() => heard.includes('"status":"ok"'));
    socket.write(get("/v1/ws", upgrade));
    await until(() => heard.includes("route.missing"));
    await served.close();
    socket.destroy();
  });

  test("the offer of another protocol is answered as if it had not been made", async () => {
    const { served } = await open();
    const client = await rawClient(served.port);
    client.send(get("/v1/health", { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c" }));
    expect(await client.until((heard) => heard.includes('"status":"ok"'))).toMatch(/^HTTP\/1\.1 200 OK/);
    client.socket.destroy();
  });
});

test("a body without end is answered while it is sent, read no further than a bound, and its connection closed (AR-04)", async () => {
  const { served } = await open({ maxBodyBytes: 1000 });
  const client = await rawClient(served.port);
  client.send(
    "POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
  );
  const piece = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const pour = () => {
    while (!client.socket.destroyed && client.socket.write(piece));
  };
  client.socket.on("drain", pour);
  pour();
  const heard = await client.until((text) => text.includes("maxBytes"));
  expect(problemIn(heard).code).toBe("request.too_large");
  expect((await fetch(`${served.url}/v1/health`)).status).toBe(200);
  await client.closed;
  expect(client.socket.bytesWritten).toBeLessThan(256 * 1024 * 1024);
});

describe("readers", () => {
  const bigLog = "say 3000 2000";
  const eventsPath = (id: string, after = 0) => `/v1/sessions/${id}/events?after=${after}`;
  const sse = { accept: "text/event-stream" };

  /** Follows without reading a byte. The daemon's end of the connection tells how much waits there. */
  async function stuck({ served, house }: SocketWire, id: string) {
    const ends: Socket[] = [];
    const note = (message: unknown) => void ends.push((message as { socket: Socket }).socket);
    subscribe("net.server.socket", note);
    const { socket } = await rawClient(served.port);
    socket.pause();
    socket.write(get(eventsPath(id), sse));
    await until(() => house.daemon.busy > 0);
    unsubscribe("net.server.socket", note);
    const end = ends.find(({ remotePort }) => remotePort === socket.localPort)!;
    await until(() => end.writableLength >= sinkLimitBytes);
    return { socket, waitingBytes: () => end.writableLength };
  }

  test("a slow reader does not slow a fast one, takes a bounded memory, and misses nothing itself", async () => {
    const wire = await open({ clock: manualClock() });
    const { id, cursor } = await openSession(wire.house, bigLog);
    const slow = await stuck(wire, id);
    const fast = readStream(await fetch(wire.served.url + eventsPath(id), { headers: sse }), "sse");
    expect((await fast.take(cursor)).at(-1)?.cursor).toBe(cursor);
    await fast.cancel();
    const pageBytes = 1.2 * 1024 * 1024;
    expect(slow.waitingBytes()).toBeLessThan(sinkLimitBytes + pageBytes);
    let text = "";
    slow.socket.on("data", (more) => {
      text += more;
    });
    slow.socket.resume();
    await until(() => text.includes(`id: ${cursor}\n`));
    const cursors = [...text.matchAll(/^id: (\d+)$/gm)].map(([, at]) => Number(at));
    expect(cursors).toEqual(Array.from({ length: cursor }, (_, at) => at + 1));
    slow.socket.destroy();
  });

  test("a reader who reads nothing for a minute is dropped", async () => {
    const clock = manualClock();
    const wire = await open({ clock });
    const { id } = await openSession(wire.house, bigLog);
    const { socket } = await stuck(wire, id);
    clock.advance(59_999);
    expect(wire.house.daemon.busy).toBe(1);
    clock.advance(1);
    await until(() => wire.house.daemon.busy === 0);
    socket.resume();
    await until(() => socket.closed);
    expect(wire.house.logged).toEqual([]);
  });

  test("closing tells the readers, and cuts after five seconds those who do not read", async () => {
    const clock = manualClock();
    const wire = await open({ clock });
    const { id } = await openSession(wire.house, bigLog);
    const { socket } = await stuck(wire, id);
    const last = (await openSession(wire.house)).id;
    const reader = readStream(await fetch(wire.served.url + eventsPath(last), { headers: sse }), "sse");
    const idle = await rawClient(wire.served.port);
    let closed = false;
    const closing = wire.served.close().then(() => {
      closed = true;
    });
    expect((await reader.rest()).at(-1)?.text).toBe('{"type":"stream.end","reason":"daemon.stopping"}');
    await idle.closed;
    clock.advance(4_999);
    await breathe();
    expect(closed).toBe(false);
    clock.advance(1);
    await closing;
    socket.destroy();
  });

  /** Passes on what the daemon says, and cuts each connection after so many bytes. */
  async function cuttingProxy(port: number, cutAfterBytes: () => number): Promise<{ url: string; cuts: () => number }> {
    let cuts = 0;
    const proxy = createServer((caller) => {
      const daemon = connect({ host: "127.0.0.1", port });
      let left = cutAfterBytes();
      caller.on("error", () => daemon.destroy()).on("close", () => daemon.destroy());
      daemon.on("error", () => caller.destroy()).on("close", () => caller.destroy());
      caller.pipe(daemon);
      daemon.on("data", (bytes: Buffer) => {
        caller.write(bytes.subarray(0, left));
        left -= bytes.byteLength;
        if (left > 0) return;
        cuts++;
        daemon.destroy();
        caller.end();
      });
    });
    proxy.listen({ host: "127.0.0.1", port: 0 });
    await once(proxy, "listening");
    opened.push({ [Symbol.asyncDispose]: async () => void proxy.close() });
    return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, cuts: () => cuts };
  }

  test("a reader behind a proxy that cuts gets everything, once, by its cursor (FR-06)", async () => {
    const wire = await open();
    const { id, cursor } = await openSession(wire.house, "say 100 50");
    let connection = 0;
    const proxy = await cuttingProxy(wire.served.port, () => 3000 + ((connection++ * 977) % 4000));
    const seen: number[] = [];
    while (seen.length < cursor) {
      const headers = { ...sse, ...(seen.length > 0 ? { "last-event-id": String(seen.at(-1)) } : {}) };
      const reader = readStream(await fetch(proxy.url + eventsPath(id), { headers }), "sse");
      const take = () => reader.next().catch(() => undefined); // The cut, in the middle of an event.
      for (let told = await take(); told?.cursor; told = seen.length < cursor ? await take() : undefined)
        seen.push(told.cursor);
      await reader.cancel().catch(() => undefined); // Cut before it could be cancelled.
    }
    expect(seen).toEqual(Array.from({ length: cursor }, (_, at) => at + 1));
    expect(proxy.cuts()).toBeGreaterThan(5);
  });
});
