/** What a prompt is promised: a promise and a stream, one end, asks that are answered, and a way to leave. */
import { type Ask, makeId, type SessionEvent, type Turn } from "@corral/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import { connect } from "./connect.ts";
import { platformSleep, type Sleep } from "./sleep.ts";
import {
  createLogFixture,
  endTurn,
  everything,
  type LogFixture,
  serveLog,
  type WireFixture,
  type WireRules,
} from "./wire.fixture.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

const quickly: Sleep = (delayMs, options) => platformSleep(delayMs === 5_000 ? delayMs : delayMs / 100, options);

async function stage(onPrompt: (turn: Turn, log: LogFixture) => void, rules: WireRules = {}) {
  const log = createLogFixture();
  const server: WireFixture = await serveLog(log, { ...rules, onPrompt: (turn) => onPrompt(turn, log) });
  open.push(server);
  const session = await connect({ url: server.url, sleep: quickly }).sessions.get(log.id);
  return { log, server, session };
}

function say(turn: Turn, log: LogFixture): void {
  log.say("Hello ", turn.id);
  log.append({ type: "session.renamed", source: "agent", data: { title: "Greeting", by: "agent" } });
  log.say("you.", turn.id);
  endTurn(log, turn, "completed");
}

type Asked = Extract<SessionEvent, { type: "turn.asked" }>["data"];

/** Puts an ask whose answer ends the turn. */
function ask(turn: Turn, log: LogFixture): Ask["id"] {
  const id = makeId("ask", Date.now(), crypto.getRandomValues(new Uint8Array(16)));
  const deadlineAt = new Date(Date.now() + 60_000).toISOString();
  const asked = {
    ask: id,
    kind: "permission",
    title: "Run ls",
    options: [],
    deadlineAt,
    onExpire: "deny",
  } satisfies Asked;
  log.append({ type: "turn.asked", turn: turn.id, source: "agent", data: asked });
  const look = () => {
    const last = log.events.at(-1);
    if (last?.type !== "turn.answered") return;
    log.watchers.delete(look);
    log.say(`It was ${last.data.outcome}.`, turn.id);
    endTurn(log, turn, "completed");
  };
  log.watchers.add(look);
  return id;
}

describe("a prompt", () => {
  test("is awaited as the ended turn", async () => {
    const { session } = await stage(say);
    expect(await session.prompt("Hi")).toMatchObject({ state: "ended", outcome: "completed", output: "Hello you." });
  });

  test("is iterated as the turn's own events, up to its end", async () => {
    const { session } = await stage(say);
    const run = session.prompt([{ type: "text", text: "Hi" }]);
    const events = await everything(run);
    expect(events.map(({ type }) => type)).toEqual(["turn.started", "turn.updated", "turn.updated", "turn.ended"]);
    expect(new Set(events.map(({ turn }) => turn))).toEqual(new Set([await run.id]));
    expect(await run.text()).toBe("Hello you.");
  });

  test("is sent once, however often it is looked at", async () => {
    const { session, log } = await stage(say);
    const run = session.prompt("Hi");
    await Promise.all([run, run, run.text(), everything(run), run.id]);
    expect(log.turns.size).toBe(1);
  });

  test("that a restart interrupts is told to its end", async () => {
    const prompted = Promise.withResolvers<Turn>();
    const { session, server, log } = await stage((turn) => prompted.resolve(turn));
    const run = session.prompt("Hi");
    const events = everything(run);
    const turn = await prompted.promise;
    await run.id;
    await server.stop();
    say(turn, log);
    open.push(await serveLog(log, { port: server.port }));
    expect(await run.text()).toBe("Hello you.");
    expect((await events).at(-1)?.type).toBe("turn.ended");
  });

  test("whose refusal nobody looks at does not end the program, and is there for who looks", async () => {
    const { session, log } = await stage(say);
    log.removed = true;
    const run = session.prompt("Hi");
    await vi.waitFor(() => expect(run.id).rejects.toMatchObject({ code: "session.missing" }));
    await expect(run).rejects.toMatchObject({ code: "session.missing" });
    await expect(everything(run)).rejects.toMatchObject({ code: "session.missing" });
  });

  test("into a session that is removed meanwhile ends with a fault", async () => {
    const { session, log } = await stage((_, log) => {
      log.removed = true;
    });
    await expect(session.prompt("Hi")).rejects.toMatchObject({ code: "session.missing" });
    expect(log.turns.size).toBe(1);
  });

  test("whose turn has a fault throws it as text and answers it as a turn", async () => {
    const fault = { code: "harness.crashed", detail: "It died.", help: "Try again." } as const;
    const { session } = await stage((turn, log) => {
      endTurn(log, turn, "failed");
      log.turns.set(turn.id, { ...log.turns.get(turn.id)!, fault });
    });
    const run = session.prompt("Hi");
    expect(await run).toMatchObject({ outcome: "failed", fault });
    await expect(run.text()).rejects.toMatchObject({
      code: "harness.crashed",
      message: "It died.",
      help: "Try again.",
    });
  });
});

describe("leaving", () => {
  test("by an aborted signal cancels the turn, and the run is the cancelled turn", async () => {
    const stop = new AbortController();
    const { session } = await stage(() => stop.abort());
    const run = session.prompt("Hi", { signal: stop.signal });
    expect(await run).toMatchObject({ outcome: "cancelled" });
    expect((await everything(run)).at(-1)?.type).toBe("turn.ended");
  });

  test("before anything was sent sends nothing", async () => {
    const { session, log } = await stage(say);
    const run = session.prompt("Hi", { signal: AbortSignal.abort(new Error("never mind")) });
    await expect(run).rejects.toThrow("never mind");
    expect(log.turns.size).toBe(0);
  });

  test("a daemon that is gone is possible within a bound, with the signal's reason", async () => {
    const stop = new AbortController();
    const { session, server } = await stage(() => undefined);
    const run = session.prompt("Hi", { signal: stop.signal });
    await run.id;
    const iterating = everything(run);
    await server.stop();
    stop.abort(new Error("I must go"));
    await expect(run).rejects.toThrow("I must go");
    await expect(iterating).rejects.toThrow("I must go");
  });

  test("an iteration does not cancel the turn", async () => {
    const { session, log } = await stage((turn, log) => void log.say("so", turn.id));
    const run = session.prompt("Hi");
    for await (const _ of run) break;
    const id = await run.id;
    expect(log.turns.get(id)?.state).toBe("queued");
    expect(await run.cancel()).toMatchObject({ outcome: "cancelled" });
  });
});

describe("asks", () => {
  test.each([
    ["allow", "It was accepted."],
    [{ decision: "deny" }, "It was declined."],
  ] as const)("are answered by the caller's function: %j", async (answer, text) => {
    const { session } = await stage(ask);
    const onAsk = vi.fn(async () => answer);
    expect(await session.prompt("Hi", { onAsk }).text()).toBe(text);
    expect(onAsk.mock.calls).toMatchObject([[{ title: "Run ls", state: "open" }]]);
  });

  test("are answered though the run is only iterated, or not looked at", async () => {
    const { session, log } = await stage(ask);
    const run = session.prompt("Hi", { onAsk: () => "allow" });
    await vi.waitFor(() => expect([...log.turns.values()]).toMatchObject([{ state: "ended" }]), { timeout: 10_000 });
    expect((await everything(run)).at(-1)?.type).toBe("turn.ended");
  });

  test("that the function leaves alone are left to others", async () => {
    const { session } = await stage(ask);
    const run = session.prompt("Hi", { onAsk: () => undefined });
    await vi.waitFor(async () => expect(await session.asks()).toHaveLength(1), { timeout: 10_000 });
    const [one] = await session.asks();
    await session.answer(one!, "deny");
    expect(await run.text()).toBe("It was declined.");
  });

  test("that somebody else answered first are no fault", async () => {
    const { session, log } = await stage(ask);
    const onAsk = async ({ id }: Ask) => {
      await session.answer(id, "deny");
      return "allow" as const;
    };
    expect(await session.prompt("Hi", { onAsk }).text()).toBe("It was declined.");
    expect(log.events.filter(({ type }) => type === "turn.answered")).toHaveLength(1);
  });

  test("whose function throws end the run with its error", async () => {
    const { session } = await stage(ask);
    const onAsk = () => {
      throw new Error("no idea");
    };
    await expect(session.prompt("Hi", { onAsk })).rejects.toThrow("no idea");
  });
});
