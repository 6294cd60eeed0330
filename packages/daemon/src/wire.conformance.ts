/** The law of the wire, rule by rule: whatever serves the API, by a function or by a socket, answers like this. */
import { contract, type OperationName, problemSchema } from "@corral/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import { openSession, until } from "./house.fixture.ts";
import { jsonInit, type Way, type Wire } from "./wire.fixture.ts";

const lost = "ses_00000000000000000000000000";

async function expectProblem(response: Response, status: number, code: string): Promise<z.infer<typeof problemSchema>> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem).toMatchObject({ status, code, type: `urn:corral:fault:${code}` });
  expect(problem.detail).not.toBe("");
  return problem;
}

/** Reads an answer with the schema that the contract promises for it. */
async function expectAnswer<Name extends OperationName>(
  name: Name,
  response: Response,
  status: number,
): Promise<never> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(response.headers.get("content-type")).toBe("application/json");
  const { answer } = contract[name] as { answer?: z.ZodType };
  return answer?.parse(JSON.parse(text)) as never;
}

function routeRules(wire: () => Wire): void {
  const call = (path: string, init?: RequestInit) => wire().call(path, init);

  test("health tells the release and the version of the API (D-02)", async () => {
    const health = await expectAnswer("readHealth", await call("/v1/health"), 200);
    expect(health).toMatchObject({ status: "ok", version: "1.2.3", protocol: 1 });
  });

  test("agents are listed and described", async () => {
    const { agents } = (await expectAnswer("listAgents", await call("/v1/agents?config=true"), 200)) as {
      agents: { id: string }[];
    };
    expect(agents.map(({ id }) => id)).toEqual(["talker"]);
    expect(await expectAnswer("readAgent", await call("/v1/agents/talker"), 200)).toMatchObject({ title: "Talker" });
    await expectProblem(await call("/v1/agents/nobody"), 404, "agent.missing");
  });

  test("runs are listed", async () => {
    expect(await expectAnswer("listRuns", await call("/v1/runs"), 200)).toEqual({ items: [] });
  });

  test("a session is opened, read, renamed, listed, closed and removed", async () => {
    const opened: { id: string } = await expectAnswer(
      "openSession",
      await call("/v1/sessions", jsonInit("POST", { agent: "talker" })),
      201,
    );
    const path = `/v1/sessions/${opened.id}`;
    expect(await expectAnswer("readSession", await call(path), 200)).toEqual(opened);
    const patched = await call(path, jsonInit("PATCH", { title: "Renamed" }));
    expect(await expectAnswer("patchSession", patched, 200)).toMatchObject({ title: "Renamed" });
    expect(await expectAnswer("listSessions", await call("/v1/sessions?limit=5"), 200)).toMatchObject({
      items: [{ id: opened.id }],
    });
    const closed = await call(path, jsonInit("PATCH", { closed: true }));
    expect(await expectAnswer("patchSession", closed, 200)).toMatchObject({ phase: "closed" });
    for (const _ of [1, 2]) {
      const removed = await call(path, { method: "DELETE" });
      expect([removed.status, await removed.text()]).toEqual([204, ""]);
    }
    await expectProblem(await call(path), 404, "session.missing");
  });

  test("sessions are listed in pages, the newest first", async () => {
    const ids = [];
    for (const _ of [1, 2, 3]) ids.push((await openSession(wire().house)).id);
    const seen: string[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: { items: { id: string }[]; next?: string } = await expectAnswer(
        "listSessions",
        await call(`/v1/sessions?limit=2${next ? `&after=${next}` : ""}`),
        200,
      );
      seen.push(...page.items.map(({ id }) => id));
      next = page.next;
    }
    expect(seen).toEqual(ids.sort().reverse());
  });

  test("a turn is answered at once, or with its end when the caller waits", async () => {
    const { id } = await openSession(wire().house);
    const turns = `/v1/sessions/${id}/turns`;
    const queued: { id: string } = await expectAnswer(
      "startTurn",
      await call(turns, jsonInit("POST", { prompt: "hello" })),
      202,
    );
    expect(queued).toMatchObject({ session: id });
    expect(await expectAnswer("readTurn", await call(`${turns}/${queued.id}?wait=true`), 200)).toMatchObject({
      outcome: "completed",
      output: "hello",
    });
    const waited = await call(`${turns}?wait=true`, jsonInit("POST", { prompt: "again" }));
    expect(await expectAnswer("startTurn", waited, 200)).toMatchObject({ state: "ended", output: "again" });
  });

  test("a turn is cancelled and steered", async () => {
    const { id } = await openSession(wire().house);
    const path = `/v1/sessions/${id}`;
    const turn: { id: string } = await expectAnswer(
      "startTurn",
      await call(`${path}/turns`, jsonInit("POST", { prompt: "hang" })),
      202,
    );
    const session = await wire().house.kernel.sessions.find(id);
    for await (const step of session.follow(0, { signal: new AbortController().signal })) {
      if (step.kind === "chunk" && step.entries.some((entry) => entry.text.includes('"harness.started"'))) break;
    }
    await expectAnswer("steerTurn", await call(`${path}/steer`, jsonInit("POST", { prompt: "faster" })), 200);
    const cancelled = await call(`${path}/turns/${turn.id}/cancel`, { method: "POST" });
    expect(await expectAnswer("cancelTurn", cancelled, 200)).toMatchObject({ outcome: "cancelled", output: "faster" });
    await expectProblem(await call(`${path}/steer`, jsonInit("POST", { prompt: "late" })), 409, "session.phase");
  });

  test("an ask is listed and answered", async () => {
    const { id } = await openSession(wire().house);
    const path = `/v1/sessions/${id}`;
    const turn: { id: string } = await expectAnswer(
      "startTurn",
      await call(`${path}/turns`, jsonInit("POST", { prompt: "ask" })),
      202,
    );
    let items: { id: string }[] = [];
    await until(async () => {
      ({ items } = await expectAnswer("listAsks", await call(`${path}/asks`), 200));
      return items.length > 0;
    });
    const answered = await call(`${path}/asks/${items[0]!.id}/answer`, jsonInit("POST", { decision: "allow" }));
    await expectAnswer("answerAsk", answered, 200);
    expect(await expectAnswer("readTurn", await call(`${path}/turns/${turn.id}?wait=true`), 200)).toMatchObject({
      output: "selected",
    });
    await expectProblem(
      await call(`${path}/asks/ask_00000000000000000000000000/answer`, jsonInit("POST", { decision: "deny" })),
      404,
      "ask.missing",
    );
  });

  test("a session is forked, with a body or without", async () => {
    const { id } = await openSession(wire().house, "hello");
    const path = `/v1/sessions/${id}/fork`;
    expect(await expectAnswer("forkSession", await call(path, { method: "POST" }), 201)).toMatchObject({
      forkedFrom: { session: id },
    });
    expect(await expectAnswer("forkSession", await call(path, jsonInit("POST", { title: "B" })), 201)).toMatchObject({
      title: "B",
    });
    await expectProblem(await call(path, jsonInit("POST", { cursor: 9999 })), 400, "cursor.ahead");
  });

  test("the transcript and the residue of a session are read", async () => {
    const { id } = await openSession(wire().house, "hello");
    const { items } = (await expectAnswer(
      "readTranscript",
      await call(`/v1/sessions/${id}/transcript?after=1&limit=1`),
      200,
    )) as { items: unknown[] };
    expect(items).toMatchObject([{ role: "user", parts: [{ text: "hello" }] }]);
    expect(await expectAnswer("readResidue", await call(`/v1/sessions/${id}/residue`), 200)).toEqual({ items: [] });
  });

  test("a retry under an idempotency key gets the first answer, and another body under it is refused", async () => {
    const init = (title: string) => jsonInit("POST", { agent: "talker", title }, { "idempotency-key": "k-1" });
    const first: { id: string } = await expectAnswer("openSession", await call("/v1/sessions", init("A")), 201);
    expect(await expectAnswer("openSession", await call("/v1/sessions", init("A")), 201)).toMatchObject({
      id: first.id,
    });
    await expectProblem(await call("/v1/sessions", init("B")), 409, "request.key_reused");
    for (const key of ["a b", "k".repeat(201)]) {
      const bad = await call("/v1/sessions", jsonInit("POST", { agent: "talker" }, { "idempotency-key": key }));
      expect(await expectProblem(bad, 400, "request.invalid")).toMatchObject({
        issues: [{ in: "header", path: "Idempotency-Key" }],
      });
    }
  });

  test("the cover, the document and its page are there (D-02)", async () => {
    expect(await (await call("/")).json()).toEqual({
      name: "corral",
      version: "1.2.3",
      docs: "/docs",
      openapi: "/openapi.json",
    });
    expect(await (await call("/openapi.json")).json()).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
    const page = await call("/docs");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("/v1/sessions/{session}/turns");
  });
}

function refusalRules(wire: () => Wire): void {
  const call = (path: string, init?: RequestInit) => wire().call(path, init);
  const post = (body: string, type?: string) =>
    call("/v1/sessions", { method: "POST", body, headers: type === undefined ? {} : { "content-type": type } });

  test("an unknown route and an unknown method are told apart", async () => {
    await expectProblem(await call("/v1/nothing"), 404, "route.missing");
    await expectProblem(await call("/v1/health/"), 404, "route.missing");
    const wrong = await call("/v1/sessions", { method: "DELETE" });
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, OPTIONS, POST");
    await expectProblem(wrong, 405, "route.method");
    const options = await call(`/v1/sessions/${lost}`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "DELETE, GET, HEAD, OPTIONS, PATCH"]);
  });

  test("HEAD answers like GET without a body", async () => {
    const head = await call("/v1/health", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([200, "application/json", ""]);
    const { id } = await openSession(wire().house);
    const stream = await call(`/v1/sessions/${id}/events`, {
      method: "HEAD",
      headers: { accept: "text/event-stream" },
    });
    expect([stream.status, stream.headers.get("content-type"), await stream.text()]).toEqual([
      200,
      "text/event-stream",
      "",
    ]);
    expect(wire().house.daemon.busy).toBe(0);
  });

  test("only JSON is taken as JSON", async () => {
    const body = JSON.stringify({ agent: "talker" });
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/jsonx",
      "application/json; charset=latin1",
    ]) {
      await expectProblem(await post(body, type), 415, "request.media_type");
    }
    expect((await post(body, "Application/JSON; charset=UTF-8")).status).toBe(201);
    const unnamed = await call("/v1/sessions", { method: "POST", body: Buffer.from(body) });
    await expectProblem(unnamed, 415, "request.media_type");
    const packed = await call("/v1/sessions", jsonInit("POST", {}, { "content-encoding": "gzip" }));
    await expectProblem(packed, 415, "request.media_type");
  });

  test("malformed JSON is refused with the place where it breaks, and without quoting it", async () => {
    const broken = await expectProblem(
      await post('{\n"agent": secret-word}', "application/json"),
      400,
      "request.malformed",
    );
    expect(JSON.stringify(broken)).not.toContain("secret-word");
    expect(await expectProblem(await post('{"a":', "application/json"), 400, "request.malformed")).toMatchObject({
      position: 5,
      line: 1,
      column: 6,
    });
    const latin = await call("/v1/sessions", {
      method: "POST",
      body: Buffer.from([0x22, 0xff, 0x22]),
      headers: { "content-type": "application/json" },
    });
    await expectProblem(latin, 400, "request.malformed");
  });

  test("a wrong shape is refused by the path of each wrong field (AR-07)", async () => {
    const { id } = await openSession(wire().house);
    const issuesOf = async (path: string, body: unknown) =>
      (await expectProblem(await call(path, jsonInit("POST", body)), 400, "request.invalid")).issues;
    const turns = `/v1/sessions/${id}/turns`;
    expect(await issuesOf(turns, { prompt: [{ type: "texty" }] })).toMatchObject([
      { in: "body", path: "prompt[0].type" },
    ]);
    expect(await issuesOf(turns, { prompt: [{ type: "text" }], timeoutMs: "1" })).toMatchObject([
      { path: "prompt[0].text" },
      { path: "timeoutMs" },
    ]);
    expect(await issuesOf(turns, [])).toMatchObject([{ in: "body", path: "" }]);
    expect(await issuesOf("/v1/sessions", { agent: "talker", secrets: { "a-b": "x" } })).toMatchObject([
      { path: 'secrets["a-b"]' },
    ]);
    expect(await expectProblem(await call("/v1/sessions/nope"), 400, "request.invalid")).toMatchObject({
      issues: [{ in: "path", path: "session" }],
    });
    expect(await expectProblem(await call("/v1/sessions?limit=0&x=1"), 400, "request.invalid")).toMatchObject({
      issues: [{ in: "query", path: "limit" }],
    });
    expect((await call("/v1/sessions?unknown=1")).status).toBe(200);
  });

  test("a body that is nested without end is refused (AR-07)", async () => {
    const deep = `{"agent":"talker","options":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`;
    await expectProblem(await post(deep, "application/json"), 400, "request.invalid");
  });

  test("refusals of the kernel keep their code and status", async () => {
    await expectProblem(await call(`/v1/sessions/${lost}`), 404, "session.missing");
    await expectProblem(await call("/v1/sessions", jsonInit("POST", { agent: "nobody" })), 404, "agent.missing");
    await expectProblem(
      await call("/v1/sessions", jsonInit("POST", { agent: "talker", cwd: "/does/not/exist" })),
      400,
      "workspace.missing",
    );
    const { id } = await openSession(wire().house);
    await expectProblem(await call(`/v1/sessions/${id}/turns/trn_00000000000000000000000000`), 404, "turn.missing");
  });

  test("answers are not kept by caches", async () => {
    expect((await call("/v1/sessions")).headers.get("cache-control")).toBe("no-store");
    expect((await call(`/v1/sessions/${lost}`)).headers.get("cache-control")).toBe("no-store");
  });
}

export const wireSuite = ({ name, open }: Way): void => {
  describe(`the API over ${name}`, () => {
    let wire: Wire;
    beforeEach(async () => {
      wire = await open();
    });
    afterEach(async () => wire[Symbol.asyncDispose]());
    describe("routes", () => routeRules(() => wire));
    describe("refusals", () => refusalRules(() => wire));
  });
};
