/** Followers on bad roads, with a daemon that dies twice; and that the road is bad, and the comparison strict. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "@corral/kernel";
import { afterEach, describe, expect, test } from "vitest";
import { expectProved, runQuick } from "../context.fixture.ts";
import { createChance } from "../seeded.ts";
import { differences } from "./compare.ts";
import { createHold } from "./hold.ts";
import { openRoad, type Passage } from "./road.ts";
import { torture } from "./torture.ts";
import { storm } from "./weather.ts";

test(
  "followers see the log, the whole log and nothing else, over roads that cut, delay, double and hold back, while the daemon dies twice (FR-06)",
  { timeout: 640_000, retry: 0 },
  async () => expectProved(await runQuick(torture)),
);

describe("the comparison finds", () => {
  const log = ["a", "b", "c", "d"];
  const told = (texts: readonly string[], after = 0) => differences({ who: "somebody", after, texts }, log);

  test("nothing where nothing is wrong", () => {
    expect([told(log), told(["c", "d"], 2), told([], 4)].flat()).toEqual([]);
  });

  test.each([
    ["a lost event", ["a", "c", "d"]],
    ["a lost end", ["a", "b", "c"]],
    ["a repeat", ["a", "b", "b", "c", "d"]],
    ["a repeated end", ["a", "b", "c", "d", "d"]],
    ["another order", ["a", "c", "b", "d"]],
    ["another letter", ["a", "b", "C", "d"]],
    ["nothing at all", []],
  ])("%s", (_, texts) => {
    expect(told(texts)).toHaveLength(1);
  });
});

describe("the road", () => {
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });

  const plain: Passage = { delayMs: () => 0, pieceBytes: () => 1_000, twice: false, holdsBack: false };

  /** Says ten bytes to whoever says anything, and counts who came. */
  async function open(passage: Partial<Passage>) {
    let visitors = 0;
    const server: Server = createServer((socket: Socket) => {
      visitors += 1;
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.end("0123456789"));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    opened.push({ [Symbol.asyncDispose]: async () => void server.close() });
    const { port } = server.address() as AddressInfo;
    const road = await openRoad({ port, clock: systemClock, passage: () => ({ ...plain, ...passage }) });
    opened.push(road);
    const client = connect(Number(new URL(road.url).port), "127.0.0.1").setEncoding("utf8");
    let heard = "";
    client.on("data", (text) => {
      heard += String(text);
    });
    client.on("error", () => client.destroy());
    client.write("hello");
    await once(client, "close");
    return { heard, road, visitors: () => visitors };
  }

  test("lets through what it does not cut", async () => {
    expect((await open({ pieceBytes: () => 3, delayMs: () => 1 })).heard).toBe("0123456789");
  });

  test("cuts answers at the byte that was drawn", async () => {
    const { heard, road } = await open({ cutAnswerAfter: 4 });
    expect(heard).toBe("0123");
    expect(road.tally).toMatchObject({ connections: 1, cuts: 1 });
  });

  test("cuts requests", async () => {
    expect((await open({ cutRequestAfter: 2 })).road.tally.cuts).toBe(1);
  });

  test("says the same twice", async () => {
    const { heard, visitors } = await open({ twice: true });
    expect(heard).toBe("0123456789");
    expect(visitors()).toBe(2);
  });

  test("is drawn anew for each connection, and again the same from the same seed", () => {
    const draw = (seed: number) => {
      const chance = createChance(seed);
      return JSON.stringify(Array.from({ length: 50 }, () => storm(chance)));
    };
    expect(draw(1)).toBe(draw(1));
    expect(draw(1)).not.toBe(draw(2));
  });
});

test("an answer is held back until its last byte, by its length or by its last chunk", () => {
  const hold = createHold();
  const length = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const answer of [length, chunked, "HTTP/1.1 204 No Content\r\n\r\n"]) {
    const bytes = Buffer.from(answer);
    for (let at = 0; at < bytes.length - 1; at++) expect(hold(bytes.subarray(at, at + 1)).length).toBe(0);
    expect(hold(bytes.subarray(-1)).toString()).toBe(answer);
  }
});
