/** What a caller is promised: typed calls, typed faults, and one effect however often a request must be sent. */
import { Fault } from "@corral/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { type ConnectOptions, connect } from "./connect.ts";
import { platformSleep, type Sleep } from "./sleep.ts";
import { createLogFixture, everything, json, refuse, serveLog, type WireRules } from "./wire.fixture.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

const quickly: Sleep = (delayMs, options) => platformSleep(delayMs / 500, options);

async function stage(rules: WireRules = {}, options: ConnectOptions = {}) {
  const log = createLogFixture();
  const server = await serveLog(log, rules);
  open.push(server);
  return { log, server, corral: connect({ url: server.url, sleep: quickly, ...options }) };
}

/** The request has had its answer. */
const done = (_: unknown): true => true;

const params = { session: "ses_01k9w3x5v7e8r2t4y6p8a0s1d3" };

describe("a request", () => {
  test("carries the token, the caller's headers and what the contract says", async () => {
    const { server, corral, log } = await stage({}, { token: "secret", headers: { "x-trace": "7" } });
    await corral.call("startTurn", { params: { session: log.id }, body: { prompt: "Hello" } }, { key: "mine" });
    expect(server.requests).toMatchObject([
      {
        line: `POST /v1/sessions/${log.id}/turns`,
        headers: {
          authorization: "Bearer secret",
          "x-trace": "7",
          "content-type": "application/json",
          accept: "application/json",
          "idempotency-key": "mine",
        },
        body: `{"prompt":"Hello"}`,
      },
    ]);
  });

  test("keeps its address when the daemon stands behind a path", async () => {
    const { server } = await stage();
    await connect({ url: `${server.url}/corral//` })
      .health()
      .catch(() => undefined); // There is no such path here.
    expect(server.requests[0]?.line).toBe("GET /corral/v1/health");
  });

  test.each(["", ".", ".."])("with the id %j is refused before it could lead to another route", async (session) => {
    const { server, corral } = await stage();
    await expect(corral.sessions.get(session)).rejects.toMatchObject({ code: "request.invalid" });
    expect(server.requests).toEqual([]);
  });

  test("with an odd id stays on its route", async () => {
    const { server, corral } = await stage();
    await expect(corral.sessions.get("../health?x=1#y")).rejects.toMatchObject({ code: "session.missing" });
    expect(server.requests[0]?.line).toBe("GET /v1/sessions/..%2Fhealth%3Fx%3D1%23y");
  });

  test("is not sent when its signal was aborted before", async () => {
    const { server, corral, log } = await stage();
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(corral.sessions.get(log.id, { signal })).rejects.toThrow("too late");
    expect(server.requests).toEqual([]);
  });

  test("ends with its signal's reason while it waits for the answer", async () => {
    const { corral, log } = await stage({ before: () => true });
    const signal = AbortSignal.timeout(100);
    await expect(corral.sessions.get(log.id, { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("ends when the whole client is ended", async () => {
    const stop = new AbortController();
    const { corral, log } = await stage({ before: () => true }, { signal: stop.signal });
    const asking = corral.sessions.get(log.id);
    stop.abort(new Error("all of it"));
    await expect(asking).rejects.toThrow("all of it");
  });
});

describe("a refusal", () => {
  test("is a fault with its code, its reason and its help", async () => {
    const fault = new Fault("request.invalid", { detail: "No.", help: "Yes.", more: { issues: [{ path: "a" }] } });
    const { corral } = await stage({ before: (_, response) => done(refuse(response, fault)) });
    const caught = await corral.agents().catch((error: unknown) => error);
    expect(caught).toBeInstanceOf(Fault);
    expect(caught).toMatchObject({ code: "request.invalid", message: "No.", help: "Yes.", more: fault.more });
  });

  test.each([
    [200, "daemon.unreachable"],
    [404, "request.invalid"],
    [502, "daemon.unreachable"],
  ])("by somebody else, with status %i and a page of HTML, is a fault too", async (status, code) => {
    const { corral } = await stage({
      before: (_, response) => done(response.writeHead(status, { "content-type": "text/html" }).end("<h1>Hi</h1>")),
    });
    await expect(corral.health()).rejects.toMatchObject({ code });
  });
});

describe("a daemon that goes away in the middle", () => {
  test("is sent the same request under the same key until it answers, and prompts once", async () => {
    let tries = 0;
    const { server, corral, log } = await stage({
      before(request, response) {
        if (request.method !== "POST") return false;
        tries++;
        if (tries === 1) response.destroy();
        if (tries === 2) refuse(response, new Fault("daemon.stopping", { detail: "Bye." }));
        return tries <= 2;
      },
    });
    const turn = await (await corral.sessions.get(log.id)).prompt("Hello").id;
    const keys = server.requests.filter(({ body }) => body).map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect([...log.turns.keys()]).toEqual([turn]);
  });

  test("and has done it already gives the first answer, though the answer was cut", async () => {
    let answered = 0;
    const { corral, log } = await stage({
      onPrompt: () => void answered++,
      before(request, response) {
        if (request.method !== "POST" || answered > 0) return false;
        const write = response.end.bind(response);
        // The head and half of the body pass, then the connection is gone.
        response.end = ((text: string) => {
          response.write(text.slice(0, 20), () => response.destroy());
          return response;
        }) as typeof write;
        return false;
      },
    });
    const session = await corral.sessions.get(log.id);
    await session.prompt("Hello").id;
    expect(log.turns.size).toBe(1);
    expect(answered).toBe(1);
  });

  test("is given up on when patience is at its end", async () => {
    const waits: number[] = [];
    const sleep: Sleep = async (delayMs) => void waits.push(delayMs);
    const { server, corral, log } = await stage({}, { sleep });
    await corral.sessions.get(log.id);
    await server.stop();
    await expect(corral.agents()).rejects.toMatchObject({ code: "daemon.unreachable" });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    await expect(corral.agents({ patienceMs: 0 })).rejects.toMatchObject({ code: "daemon.unreachable" });
    expect(waits).toHaveLength(5);
  });

  test("is not waited for when the refusal is final", async () => {
    const { server, corral } = await stage();
    await expect(corral.sessions.get(params.session)).rejects.toMatchObject({ code: "session.missing" });
    expect(server.requests).toHaveLength(1);
  });
});

describe("lists", () => {
  test("are read page by page, as far as they are wanted", async () => {
    const { server, corral, log } = await stage({
      before(request, response) {
        const { pathname, searchParams } = new URL(request.url ?? "", "http://any");
        if (pathname !== "/v1/sessions") return false;
        const at = Number(searchParams.get("after") ?? 0);
        json(response, 200, { items: [log.state(), log.state()], ...(at < 2 ? { next: String(at + 1) } : {}) });
        return true;
      },
    });
    expect(await everything(corral.sessions.list())).toHaveLength(6);
    expect(server.requests).toHaveLength(3);
    for await (const _ of corral.sessions.list()) break;
    expect(server.requests).toHaveLength(4);
    await corral.sessions.page({ limit: 2, after: "1" });
    expect(server.requests.at(-1)?.line).toBe("GET /v1/sessions?after=1&limit=2");
  });
});

describe("waiting", () => {
  test("keeps a Node program alive until the time is up", async () => {
    const { execFileSync } = await import("node:child_process");
    const program = `
      import { platformSleep } from ${JSON.stringify(new URL("./sleep.ts", import.meta.url).href)};
      await platformSleep(200, { signal: new AbortController().signal });
      console.log("awake");`;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })).toBe(
      "awake\n",
    );
  });
});
