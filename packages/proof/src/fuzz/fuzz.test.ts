/** Random requests and hostile harnesses against real daemons; and that what is wrong with an answer is seen. */
import { describe, expect, test } from "vitest";
import { expectProved, runQuick } from "../context.fixture.ts";
import { createChance } from "../seeded.ts";
import { repliesIn, wrongIn } from "./answers.ts";
import { linesOf } from "./frames.ts";
import { fuzz } from "./fuzz.ts";
import { sentOf } from "./request.ts";

test(
  "whatever clients and harnesses say, nothing crashes, surprises or hangs the daemon, and every turn ends once (invariant 5)",
  { timeout: 600_000, retry: 0 },
  async () => expectProved(await runQuick(fuzz)),
);

const known = { token: "t", sessions: ["ses_00000000000000000000000000"], cwd: "/tmp", turns: [], asks: [] };

test("the same seed says the same to clients and to harnesses", () => {
  const requests = (seed: number) => {
    const chance = createChance(seed);
    return Array.from({ length: 200 }, () => sentOf(chance, known).bytes.toString("latin1"));
  };
  const frames = (seed: number) => linesOf(createChance(seed), 200);
  expect(requests(1)).toEqual(requests(1));
  expect(requests(1)).not.toEqual(requests(2));
  expect(frames(1)).toEqual(frames(1));
});

test("what a harness writes is one line, and what it has run does no harm", () => {
  const lines = linesOf(createChance(3), 3_000);
  expect(lines.filter((line) => line.includes("\n"))).toEqual([]);
  const commands = lines.flatMap((line) => {
    try {
      const { method, params } = JSON.parse(line);
      return method === "terminal/create" ? [params?.command] : [];
    } catch {
      return []; // Not every line is JSON.
    }
  });
  const harmless = ["true", "echo hello", "exit 3", "sleep 0.05", "seq 3000", "", "\u0000", "/nonexistent/x", 5, null];
  expect(commands.length).toBeGreaterThan(20);
  expect(commands.filter((command) => !harmless.includes(command))).toEqual([]);
});

describe("an answer", () => {
  const problem = (status: number, code: string) => {
    const body = JSON.stringify({ status, code });
    return `HTTP/1.1 ${status} X\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const wrong = (rest: string, settled = true) =>
    wrongIn({ replies: repliesIn(rest, false).replies, rest, settled, tookMs: 1 });

  test("that is a problem of the table is right", () => {
    expect(wrong(problem(404, "session.missing"))).toEqual([]);
    expect(wrong("")).toEqual([]);
  });

  test.each([
    ["a surprise", problem(500, "internal")],
    ["a code of another status", problem(400, "session.missing")],
    ["a code that nobody knows", problem(404, "nothing")],
    ["a refusal in another form", "HTTP/1.1 400 X\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nno"],
    ["a stack", problem(400, "at node:internal/x")],
    ["no HTTP", "hello"],
  ])("that is %s is wrong", (_, heard) => {
    expect(wrong(heard).length).toBeGreaterThan(0);
  });

  test("that does not come is wrong", () => {
    expect(wrong("", false)).toHaveLength(1);
  });

  test("is told apart from the next on the same connection", () => {
    const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const { replies } = repliesIn(problem(404, "session.missing") + chunked + problem(400, "request.invalid"), false);
    expect(replies.map(({ status }) => status)).toEqual([404, 200, 400]);
  });

  test("that is a stream has no end to wait for", () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    expect(repliesIn(head, false)).toMatchObject({ streams: true });
  });
});
