/** What is special about calls on a socket: odd addresses, repeated headers, bodies that nobody reads, and what follows on the same connection. */
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { problemSchema } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { Whole } from "./call.ts";
import { openSession, until } from "./house.fixture.ts";
import { nodeCall } from "./node-call.ts";
import { get, type RawClient, rawClient } from "./raw-client.fixture.ts";
import { openForEachTest, type SocketWire } from "./wire.fixture.ts";

const token = "correct-horse";
const { open } = openForEachTest();

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The answers in what was heard, by their lengths; those that are not whole yet are left out. */
function answersIn(heard: Buffer): readonly Answer[] {
  const at = heard.indexOf("\r\n\r\n");
  if (at === -1) return [];
  const head = heard.toString("utf8", 0, at);
  const end = at + 4 + Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  if (heard.length < end) return [];
  const body = heard.toString("utf8", at + 4, end);
  return [{ status: Number(head.slice(9, 12)), head, body }, ...answersIn(heard.subarray(end))];
}

const answersOf = (heard: string): readonly Answer[] => answersIn(Buffer.from(heard));

async function hear(client: RawClient, count: number): Promise<readonly Answer[]> {
  const answers = answersOf(await client.until((heard) => answersOf(heard).length >= count));
  expect(answers).toHaveLength(count);
  return answers;
}

const codeOf = ({ body }: Pick<Answer, "body">) => problemSchema.parse(JSON.parse(body)).code;

/** What a raw request is answered, and how it went on. */
async function ask(wire: SocketWire, text: string): Promise<Answer> {
  const client = await rawClient(wire.served.port);
  client.send(text);
  const [answer] = await hear(client, 1);
  client.socket.destroy();
  return answer!;
}

describe("the address of a call", () => {
  test("may be whole, as proxies are sent it, and is what it would be as a path", async () => {
    const wire = await open();
    for (const target of ["http://localhost/v1/health", "https://other.example.org/v1/health?x=1"]) {
      expect((await ask(wire, get(target))).status, target).toBe(200);
    }
    expect(codeOf(await ask(wire, get("//v1/health")))).toBe("route.missing");
    expect((await ask(wire, get("/v1/nothing/../health"))).status).toBe(200);
  });

  test("is refused when it is no path, or when what it means depends on who reads it", async () => {
    const wire = await open();
    for (const target of ["/v1\\health", "http://localhost\\@evil/v1/health", "http://"]) {
      const answer = await ask(wire, get(target));
      expect([answer.status, codeOf(answer)], target).toEqual([400, "request.invalid"]);
    }
    const star = await ask(wire, get("*").replace("GET", "OPTIONS"));
    expect([star.status, codeOf(star)]).toEqual([400, "request.invalid"]);
    const queried = await ask(wire, get("/v1/health?x=\\"));
    expect(queried.status).toBe(200);
  });
});

describe("the headers of a call", () => {
  const twice = (name: string, values: readonly string[]) =>
    `GET /v1/sessions HTTP/1.1\r\n${values.map((value) => `${name}: ${value}\r\n`).join("")}`;

  /** What a call is answered whose headers stand so in the request, whatever Node's own reading makes of them. */
  async function answerTo(wire: SocketWire, ...rawHeaders: readonly string[]): Promise<Whole> {
    const incoming = new IncomingMessage(new Socket());
    const headers = { host: "localhost", authorization: `Bearer ${token}` };
    Object.assign(incoming, { method: "GET", url: "/v1/sessions", rawHeaders, headers });
    const call = nodeCall(incoming);
    if ("refused" in call) throw new Error(call.refused);
    return wire.house.daemon.answer(call, {
      reply: (whole) => whole,
      stream: () => {
        throw new Error("This is no stream.");
      },
    });
  }

  const codeIn = ({ text = "" }: Whole) => codeOf({ body: text });

  test("repeated ones are joined, so that neither a Host nor a token passes for its first or its last", async () => {
    const wire = await open({ token });
    const [mine, wrong] = [`Bearer ${token}`, "Bearer wrong"];
    expect((await answerTo(wire, "Host", "localhost", "Authorization", mine)).status).toBe(200);
    for (const [one, other] of [
      ["localhost", "evil.example.org"],
      ["evil.example.org", "localhost"],
      ["localhost", "localhost"],
    ] as const) {
      const answer = await answerTo(wire, "Host", one, "HOST", other, "authorization", mine);
      expect([answer.status, codeIn(answer)], `${one}, ${other}`).toEqual([403, "auth.host"]);
    }
    for (const [one, other] of [
      [mine, wrong],
      [wrong, mine],
      [mine, mine],
    ] as const) {
      const answer = await answerTo(wire, "host", "localhost", "authorization", one, "Authorization", other);
      expect([answer.status, codeIn(answer)], `${one}, ${other}`).toEqual([401, "auth.required"]);
    }
  });

  test("repeated ones are refused on a socket too, in the daemon's words", async () => {
    const wire = await open({ token });
    const tokens = twice("authorization", [`Bearer ${token}`, "Bearer wrong"]);
    const stranger = await ask(wire, `${tokens}host: localhost\r\n\r\n`);
    expect([stranger.status, codeOf(stranger)]).toEqual([401, "auth.required"]);
    const hosts = twice("host", ["localhost", "evil.example.org"]);
    const misled = await ask(wire, `${hosts}authorization: Bearer ${token}\r\n\r\n`);
    expect([misled.status, codeOf(misled)]).toEqual([403, "auth.host"]);
  });
});

describe("one connection", () => {
  test("takes one call after the other, also when they come at once, and whatever they are answered", async () => {
    const wire = await open();
    const client = await rawClient(wire.served.port);
    const post = `POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n{{{{`;
    client.send(get("/v1/health") + post + get("/v1/nothing") + get("/v1/health").replace("GET", "HEAD"));
    const [health, malformed, missing] = answersOf(
      await client.until((heard) => heard.split("HTTP/1.1 200").length === 3),
    );
    expect([health, malformed, missing].map((one) => one?.status)).toEqual([200, 400, 404]);
    expect(client.socket.closed).toBe(false);
    client.socket.destroy();
  });

  test("goes on after a refusal whose body came late", async () => {
    const wire = await open({ token });
    const client = await rawClient(wire.served.port);
    client.send("POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\n");
    const [refused] = await hear(client, 1);
    expect([refused?.status, codeOf(refused!)]).toEqual([401, "auth.required"]);
    client.send(`{"a":1${get("/v1/health")}`);
    expect((await hear(client, 2))[1]?.status).toBe(200);
    client.socket.destroy();
  });

  test("a caller who waits for leave to send its body gets it", async () => {
    const wire = await open();
    const client = await rawClient(wire.served.port);
    const body = JSON.stringify({ agent: "talker" });
    client.send(
      `POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    await client.until((heard) => heard.startsWith("HTTP/1.1 100 "));
    client.send(body);
    await client.until((heard) => heard.includes("HTTP/1.1 201 "));
    client.socket.destroy();
  });

  test("a caller who leaves in the middle of its body leaves nothing behind", async () => {
    const wire = await open();
    const before = (await wire.house.kernel.sessions.list({ limit: 10 })).items.length;
    for (const length of ["content-length: 100", "transfer-encoding: chunked"]) {
      const client = await rawClient(wire.served.port);
      client.send(
        `POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${length}\r\n\r\n2\r\n{"\r\n`,
      );
      await until(() => wire.house.daemon.busy === 1);
      client.socket.destroy();
      await until(() => wire.house.daemon.busy === 0);
    }
    expect((await wire.house.kernel.sessions.list({ limit: 10 })).items.length).toBe(before);
    expect(wire.house.logged).toEqual([]);
  });
});

describe("a body that nobody reads to its end", () => {
  const piece = `10000\r\n${" ".repeat(0x10000)}\r\n`;

  async function pour(wire: SocketWire, line: string, headers: readonly string[] = []): Promise<RawClient> {
    const client = await rawClient(wire.served.port);
    const head = [line, "host: localhost", "transfer-encoding: chunked", ...headers, "", ""].join("\r\n");
    client.send(head);
    const go = () => {
      while (!client.socket.destroyed && client.socket.write(piece));
    };
    client.socket.on("drain", go);
    go();
    return client;
  }

  test.each([
    ["401", "POST /v1/sessions HTTP/1.1", "x: x"],
    ["401", "GET /v1/sessions HTTP/1.1", "connection: close"],
    ["403", "POST /v1/sessions HTTP/1.1", "origin: https://evil.example.org"],
    ["404", "POST /v1/nothing HTTP/1.1", `authorization: Bearer ${token}`],
    ["200", "GET /v1/health HTTP/1.1", "x: x"],
  ])("is let pass for a bounded while after a %s, and then cut (AR-04)", async (status, line, header) => {
    const wire = await open({ token });
    const client = await pour(wire, line, [header]);
    const [answer] = await hear(client, 1);
    expect(answer?.status).toBe(Number(status));
    await client.closed;
    expect(client.socket.bytesWritten).toBeLessThan(256 * 1024 * 1024);
    expect((await fetch(`${wire.served.url}/v1/health`)).status).toBe(200);
  });

  test("is refused where it goes beyond the limit, let pass for a bounded while, and then cut (AR-04)", async () => {
    const wire = await open({ maxBodyBytes: 100_000 });
    const client = await pour(wire, "POST /v1/sessions HTTP/1.1", ["content-type: application/json"]);
    const [answer] = await hear(client, 1);
    expect([answer?.status, codeOf(answer!)]).toEqual([413, "request.too_large"]);
    expect(await client.closed).toBe(client.heard);
    expect(answersOf(client.heard)).toHaveLength(1);
    expect(client.socket.bytesWritten).toBeLessThan(256 * 1024 * 1024);
    await until(() => wire.house.daemon.busy === 0);
    expect(wire.house.logged).toEqual([]);
    expect((await fetch(`${wire.served.url}/v1/health`)).status).toBe(200);
  });

  test("is waited for no longer than a bounded while when none of it comes (AR-04)", async () => {
    const wire = await open({ token });
    const client = await rawClient(wire.served.port);
    client.send("POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\n");
    const [answer] = answersOf(await client.closed);
    expect([answer?.status, codeOf(answer!)]).toEqual([401, "auth.required"]);
  });

  test("is let pass no longer when the stream that it came with is over", async () => {
    const wire = await open();
    const { id } = await openSession(wire.house, "hello");
    const client = await pour(wire, `GET /v1/sessions/${id}/events HTTP/1.1`, ["accept: application/x-ndjson"]);
    await client.until((heard) => heard.includes("turn.ended"));
    await (await wire.house.kernel.sessions.find(id)).change({ closed: true });
    expect(await client.closed).toContain("stream.end");
  });
});
