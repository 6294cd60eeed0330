/** The law of followed streams: the past, then the present, without gap or repeat, in three forms and for any number of readers. */
import { type Entry, type ManualClock, manualClock } from "@corral/kernel";
import { streamMediaTypes } from "@corral/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FollowForm } from "./encode.ts";
import { openSession, until } from "./house.fixture.ts";
import { readStream, type StreamReader } from "./stream-reader.fixture.ts";
import { jsonInit, type Way, type Wire } from "./wire.fixture.ts";

const forms: readonly FollowForm[] = ["sse", "ndjson"];

/** Any seed will do; a failing one would be kept here. */
const seeds = [1, 7, 20261120];

function* chances(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

interface Scene {
  readonly wire: Wire;
  readonly clock: ManualClock;
}

const eventsPath = (session: string, query = ""): string => `/v1/sessions/${session}/events${query}`;

async function follow(
  { wire }: Scene,
  session: string,
  { form, query = "", headers = {} }: { form: FollowForm; query?: string; headers?: Record<string, string> },
): Promise<StreamReader> {
  const response = await wire.call(eventsPath(session, query), {
    headers: { accept: streamMediaTypes[form], ...headers },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe(streamMediaTypes[form]);
  return readStream(response, form);
}

const logOf = async ({ wire }: Scene, session: string, after = 0): Promise<readonly Entry[]> =>
  (await wire.house.store.read(session, { after, limit: 100_000 })).items;

const prompt = ({ wire }: Scene, session: string, text: string) =>
  wire.call(`/v1/sessions/${session}/turns`, jsonInit("POST", { prompt: text })).then((response) => response.json());

const told = (entries: readonly Entry[]) => entries.map(({ text }) => text);

async function readPages({ wire }: Scene, session: string, after: number, limit: number): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let next: string | undefined = String(after); next !== undefined; ) {
    const response = await wire.call(eventsPath(session, `?after=${next}&limit=${limit}`));
    const page = (await response.json()) as { items: unknown[]; next?: string };
    texts.push(...page.items.map((item) => JSON.stringify(item)));
    next = page.next;
  }
  return texts;
}

function readingRules(scene: () => Scene): void {
  test.each(seeds)("pages, SSE and NDJSON from any cursor equal the log (seed %i)", async (seed) => {
    const { id } = await openSession(scene().wire.house, "say 60");
    const log = await logOf(scene(), id);
    const chance = chances(seed);
    for (let round = 0; round < 4; round++) {
      const after = Math.floor(chance.next().value * (log.length + 1));
      const expected = told(log.slice(after));
      expect(await readPages(scene(), id, after, 1 + Math.floor(chance.next().value * 30))).toEqual(expected);
      for (const form of forms) {
        const reader = await follow(scene(), id, { form, query: `?after=${after}` });
        const events = await reader.take(expected.length);
        expect(events.map(({ text }) => text)).toEqual(expected);
        expect(events.map(({ cursor }) => cursor)).toEqual(log.slice(after).map(({ cursor }) => cursor));
        await reader.cancel();
      }
    }
  });

  test("a page says where the next starts, what is kept and what is newest", async () => {
    const { id, cursor: last } = await openSession(scene().wire.house, "say 3");
    const read = async (query: string) => (await scene().wire.call(eventsPath(id, query))).json();
    expect(await read("?limit=2")).toMatchObject({ next: "2", first: 1, last });
    const rest = await read("?after=2");
    expect(rest).toMatchObject({ first: 1, last });
    expect(rest).not.toHaveProperty("next");
    expect(await read(`?after=${last}`)).toEqual({ items: [], first: 1, last });
  });

  test("a page that would be empty waits for the first event", async () => {
    const { id, cursor } = await openSession(scene().wire.house);
    const waiting = scene().wire.call(eventsPath(id, `?after=${cursor}&waitMs=30000`));
    await until(() => scene().wire.house.daemon.busy === 1);
    await scene()
      .wire.house.kernel.sessions.find(id)
      .then((session) => session.change({ title: "Now" }));
    expect(await (await waiting).json()).toMatchObject({ items: [{ type: "session.renamed" }] });
  });

  test("the form is chosen by Accept, by weight, then by exactness", async () => {
    const { id } = await openSession(scene().wire.house);
    const typeFor = async (accept: string | undefined) => {
      const response = await scene().wire.call(eventsPath(id), accept === undefined ? {} : { headers: { accept } });
      await response.body?.cancel();
      return response.headers.get("content-type");
    };
    expect(await typeFor(undefined)).toBe("application/json");
    expect(await typeFor("*/*")).toBe("application/json");
    expect(await typeFor("text/event-stream")).toBe("text/event-stream");
    expect(await typeFor("text/*")).toBe("text/event-stream");
    expect(await typeFor("application/json;q=0.2, application/x-ndjson;q=0.9")).toBe("application/x-ndjson");
    expect(await typeFor("application/json;q=0, */*")).toBe("text/event-stream");
    const refused = await scene().wire.call(eventsPath(id), { headers: { accept: "text/html, image/*" } });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
      406,
      "request.not_acceptable",
    ]);
  });

  test("what cannot be followed is refused before the stream begins", async () => {
    const { id } = await openSession(scene().wire.house);
    const codeFor = async (path: string, headers: Record<string, string> = {}) => {
      const response = await scene().wire.call(path, { headers: { accept: "text/event-stream", ...headers } });
      return [response.status, ((await response.json()) as { code: string }).code];
    };
    expect(await codeFor(eventsPath(id, "?after=99"))).toEqual([400, "cursor.ahead"]);
    expect(await codeFor(eventsPath(id, "?after=x"))).toEqual([400, "request.invalid"]);
    expect(await codeFor(eventsPath(id), { "last-event-id": "x" })).toEqual([400, "request.invalid"]);
    expect(await codeFor(eventsPath("ses_00000000000000000000000000"))).toEqual([404, "session.missing"]);
  });
}

function followingRules(scene: () => Scene): void {
  test.each(forms)("%s goes on where Last-Event-ID says, whatever the address says", async (form) => {
    const { id } = await openSession(scene().wire.house, "say 5");
    const log = await logOf(scene(), id);
    const first = await follow(scene(), id, { form });
    const seen = [...(await first.take(4))];
    await first.cancel();
    const resumed = await follow(scene(), id, {
      form,
      query: "?after=1",
      headers: { "last-event-id": String(seen.at(-1)?.cursor) },
    });
    seen.push(...(await resumed.take(log.length - 4)));
    await resumed.cancel();
    expect(seen.map(({ text }) => text)).toEqual(told(log));
  });

  test("followers of one log each get every event (DR-11)", async () => {
    const { id } = await openSession(scene().wire.house);
    const readers = await Promise.all([...forms, ...forms].map((form) => follow(scene(), id, { form })));
    await prompt(scene(), id, "say 40");
    const session = await scene().wire.house.kernel.sessions.find(id);
    await until(() => session.state().turns === 1);
    const log = await logOf(scene(), id);
    for (const reader of readers) {
      expect((await reader.take(log.length)).map(({ text }) => text)).toEqual(told(log));
      await reader.cancel();
    }
  });

  test("SSE opens with a pause for reconnecting and enough bytes to get through a proxy's buffer (FR-06)", async () => {
    const { id } = await openSession(scene().wire.house);
    const response = await scene().wire.call(eventsPath(id), { headers: { accept: "text/event-stream" } });
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    const reader = readStream(response, "sse");
    await reader.next();
    expect(reader.opening).toMatch(/^retry: 1000\n: {2048}$/);
    await reader.cancel();
  });

  test.each(forms)(
    "%s beats every fifteen seconds, so that nothing on the way thinks it dead (FR-06)",
    async (form) => {
      const { id } = await openSession(scene().wire.house);
      const reader = await follow(scene(), id, { form });
      await reader.next();
      scene().clock.advance(46_000);
      await prompt(scene(), id, "hello");
      await reader.next();
      expect(reader.beats).toBe(3);
      await reader.cancel();
    },
  );

  test.each(forms)("%s says why it is over", async (form) => {
    const { kernel, daemon } = scene().wire.house;
    const [closed, removed, open] = [
      await openSession({ kernel }),
      await openSession({ kernel }),
      await openSession({ kernel }),
    ];
    const readers = await Promise.all([closed, removed, open].map(({ id }) => follow(scene(), id, { form })));
    await (await kernel.sessions.find(closed.id)).change({ closed: true });
    await kernel.sessions.remove(removed.id);
    daemon.stop();
    const ends = await Promise.all(readers.map(async (reader) => (await reader.rest()).at(-1)));
    const reasons = ["session.closed", "session.removed", "daemon.stopping"];
    expect(ends).toEqual(
      reasons.map((reason) => ({ type: "stream.end", text: JSON.stringify({ type: "stream.end", reason }) })),
    );
    expect(daemon.busy).toBe(0);
  });

  test.each(forms)("%s says when history is gone, and goes on from what is kept", async (form) => {
    const { id, cursor } = await openSession(scene().wire.house, "say 5");
    await scene().wire.house.store.trim(id, 4);
    const reader = await follow(scene(), id, { form, query: "?after=1" });
    const [resync, next] = await reader.take(2);
    expect(JSON.parse(resync?.text ?? "")).toEqual({ type: "stream.resync", after: 1, first: 5 });
    expect(next?.cursor).toBe(5);
    expect((await reader.take(cursor - 5)).at(-1)?.cursor).toBe(cursor);
    await reader.cancel();
  });

  test("a reader who hangs up is forgotten at once", async () => {
    const { id } = await openSession(scene().wire.house);
    const { kernel, daemon } = scene().wire.house;
    const session = (await kernel.sessions.find(id)) as unknown as { log: { followers: number } };
    const readers = await Promise.all([...forms, ...forms].map((form) => follow(scene(), id, { form })));
    for (const reader of readers) await reader.next();
    expect([daemon.busy, session.log.followers]).toEqual([4, 4]);
    for (const reader of readers) await reader.cancel();
    await until(() => daemon.busy + session.log.followers === 0);
  });

  test("who hangs up while waiting for a turn keeps it, or cancels it when that was asked for", async () => {
    const { kernel, daemon } = scene().wire.house;
    for (const [onDisconnect, phase] of [
      ["keep", "running"],
      ["cancel", "idle"],
    ]) {
      const { id } = await openSession({ kernel });
      const session = await kernel.sessions.find(id);
      const caller = new AbortController();
      const path = `/v1/sessions/${id}/turns?wait=true&onDisconnect=${onDisconnect}`;
      const answer = scene().wire.call(path, { ...jsonInit("POST", { prompt: "hang" }), signal: caller.signal });
      answer.catch(() => undefined); // A caller who hung up gets no answer.
      await until(() => session.state().phase === "running");
      caller.abort();
      await until(() => daemon.busy === 0 && session.state().phase === phase);
    }
  });

  test("a daemon that stops tells those who wait, and takes nothing more", async () => {
    const { kernel, daemon } = scene().wire.house;
    const { id } = await openSession({ kernel });
    const waiting = scene().wire.call(`/v1/sessions/${id}/turns?wait=true`, jsonInit("POST", { prompt: "hang" }));
    await until(() => daemon.busy === 1);
    daemon.stop();
    const answer = await waiting;
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await answer.json()).toMatchObject({ code: "daemon.stopping" });
    expect((await scene().wire.call("/v1/sessions")).status).toBe(503);
  });
}

export const streamSuite = ({ name, open }: Way): void => {
  describe(`streams over ${name}`, () => {
    let scene: Scene;
    beforeEach(async () => {
      const clock = manualClock();
      scene = { clock, wire: await open({ clock }) };
    });
    afterEach(async () => scene.wire[Symbol.asyncDispose]());
    describe("reading", () => readingRules(() => scene));
    describe("following", () => followingRules(() => scene));
  });
};
