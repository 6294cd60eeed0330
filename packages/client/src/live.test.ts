/** The client and the real daemon, over a socket, with the scripted agent behind it. */
import { fold, isClean, type SessionEvent } from "@corral/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "./connect.ts";
import { type DaemonFixture, startDaemon } from "./daemon.fixture.ts";
import { openProxy } from "./proxy.fixture.ts";
import { platformSleep, type Sleep } from "./sleep.ts";
import { chanceFrom, everything } from "./wire.fixture.ts";

let daemon: DaemonFixture;
beforeAll(async () => {
  daemon = await startDaemon();
}, 60_000);
afterAll(async () => daemon?.[Symbol.asyncDispose](), 60_000);

/** Back-off passes quickly, silence is counted in real time. */
const sleep: Sleep = (delayMs, options) => platformSleep(delayMs === 5_000 ? delayMs : delayMs / 50, options);

const story = (...steps: readonly unknown[]) => ({ agent: "scripted", options: { story: { turns: [{ steps }] } } });
const dense = (events: readonly SessionEvent[]) =>
  expect(events.map((one) => one.cursor)).toEqual(events.map((_, at) => at + 1));

describe("with the real daemon", { timeout: 120_000 }, () => {
  test("a newcomer's first session asks, is answered, and ends (DR-06)", async () => {
    const corral = connect({ url: daemon.url });
    expect(await corral.health()).toMatchObject({ status: "ok", protocol: 1 });
    expect((await corral.agents()).map(({ id }) => id)).toContain("scripted");
    const session = await corral.sessions.open({ agent: "scripted" });
    const asked: string[] = [];
    const run = session.prompt("Hello there", {
      onAsk({ title }) {
        asked.push(title);
        return "allow";
      },
    });
    expect(await run.text()).toContain("Hello there");
    expect(asked).toHaveLength(1);
    expect((await everything(run)).at(-1)).toMatchObject({ type: "turn.ended", data: { outcome: "completed" } });
    expect((await everything(session.transcript())).length).toBeGreaterThan(3);
    await session.rename("First");
    expect((await everything(corral.sessions.list())).map(({ title }) => title)).toContain("First");
    const copy = await session.fork();
    expect(await copy.state()).toMatchObject({ forkedFrom: { session: session.id } });
    await session.close();
    const events = await everything(session.events());
    dense(events);
    expect(events.reduce<ReturnType<typeof fold> | undefined>(fold, undefined)).toEqual(await session.state());
    expect((await session.residue()).every(isClean)).toBe(true);
    await session.remove();
    await expect(corral.sessions.get(session.id)).rejects.toMatchObject({ code: "session.missing" });
  });

  test("a prompt whose signal is aborted is a cancelled turn", async () => {
    const session = await connect({ url: daemon.url }).sessions.open(story({ hang: true }));
    const stop = new AbortController();
    const run = session.prompt("Hang", { signal: stop.signal });
    for await (const event of run) if (event.type === "turn.started") break;
    stop.abort();
    expect(await run).toMatchObject({ outcome: "cancelled" });
  });

  test("a reader on a road that cuts sees the log as it is", async () => {
    const chance = chanceFrom(7);
    let cuts = 0;
    await using road = await openProxy(Number(new URL(daemon.url).port), {
      cutAfter: () => (cuts++ < 6 ? Math.floor(4_000 + chance() * 9_000) : undefined),
    });
    const session = await connect({ url: daemon.url }).sessions.open(story({ flood: 300 }, { say: "done" }));
    const reading = everything((await connect({ url: road.url, sleep }).sessions.get(session.id)).events());
    await session.prompt("Flood");
    await session.close();
    const seen = await reading;
    expect(road.connections()).toBeGreaterThan(4);
    dense(seen);
    expect(seen).toEqual(await everything(session.events()));
  });

  test("a daemon that is killed and starts again loses nothing of what a reader or a caller waits for", async () => {
    const corral = connect({ url: daemon.url });
    const session = await corral.sessions.open(
      story({ say: { text: "so much to say ".repeat(40), chunk: 5, delayMs: 20 } }),
    );
    const reading = everything(session.events());
    const run = session.prompt("Speak");
    let updates = 0;
    for await (const event of run) if (event.type === "turn.updated" && ++updates === 10) break;
    await daemon.kill();
    const opening = corral.sessions.open(story({ say: "hello" }));
    await daemon.start();
    expect(await run).toMatchObject({ state: "ended", outcome: "lost" });
    expect(await (await opening).prompt("Hi").text()).toBe("hello");
    expect(await session.prompt("Again")).toMatchObject({ outcome: "completed" });
    await session.close();
    const seen = await reading;
    dense(seen);
    expect(seen).toEqual(await everything(session.events()));
  });
});
