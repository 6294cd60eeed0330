/** The law of the gate: who may call, from where, by which name, and with how large a body. */
import { problemSchema } from "@corral/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { HouseOptions } from "./house.fixture.ts";
import { openSession } from "./house.fixture.ts";
import { jsonInit, type Way, type Wire } from "./wire.fixture.ts";

const token = "correct-horse";
const page = "https://app.example.org";

const codeOf = async (response: Response) => problemSchema.parse(await response.json()).code;

type Open = (options?: HouseOptions) => Promise<Wire>;

function tokenRules(open: Open): void {
  const statuses = async (wire: Wire, authorization: string | undefined) => {
    const { status, headers } = await wire.call(
      "/v1/sessions",
      authorization === undefined ? {} : { headers: { authorization } },
    );
    return [status, headers.get("www-authenticate")];
  };

  test("without a token everybody on this machine may call", async () => {
    expect(await statuses(await open(), undefined)).toEqual([200, null]);
  });

  test("with a token every call has to show it (D-01)", async () => {
    const wire = await open({ token });
    for (const right of [`Bearer ${token}`, `bearer ${token}`, `BEARER  ${token} `]) {
      expect(await statuses(wire, right)).toEqual([200, null]);
    }
    for (const wrong of [
      undefined,
      "",
      token,
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      "Bearer ",
      `Bearer ${token} x`,
    ]) {
      expect(await statuses(wire, wrong), String(wrong)).toEqual([401, 'Bearer realm="corral"']);
    }
    expect(await codeOf(await wire.call("/v1/nothing"))).toBe("auth.required");
    expect(await codeOf(await wire.call(`/v1/sessions?access_token=${token}`))).toBe("auth.required");
    expect(await codeOf(await wire.call("/v1/health", { method: "POST" }))).toBe("auth.required");
  });

  test("health, cover, page, document and OPTIONS need no token", async () => {
    const wire = await open({ token });
    for (const path of ["/", "/docs", "/openapi.json", "/v1/health"])
      expect((await wire.call(path)).status, path).toBe(200);
    expect((await wire.call("/v1/sessions", { method: "OPTIONS" })).status).toBe(204);
  });

  test("a token that no header can carry is refused at the start", async () => {
    for (const bad of ["", "two words", "naïve"])
      await expect(open({ token: bad })).rejects.toMatchObject({ code: "config.invalid" });
  });
}

function hostRules(open: Open): void {
  test("a request that was meant for another host is refused: a page cannot rebind a name to us", async () => {
    const wire = await open({ allowedHosts: ["corral.example.org"] });
    const codeFor = async (host: string) => {
      const response = await wire.call("/v1/sessions", { headers: { host } });
      return response.status === 200 ? 200 : codeOf(response);
    };
    for (const ours of [
      "localhost",
      "LOCALHOST:1",
      "127.0.0.1:2468",
      "127.9.9.9",
      "[::1]:99",
      "Corral.example.org:443",
    ]) {
      expect(await codeFor(ours), ours).toBe(200);
    }
    for (const theirs of [
      "evil.example.org",
      "localhost.evil.example.org",
      "127.0.0.1.evil.example.org",
      "10.0.0.1",
      "corral.example.org.evil",
    ]) {
      expect(await codeFor(theirs), theirs).toBe("auth.host");
    }
  });

  test("a page of another origin is refused, one of our own is not", async () => {
    const wire = await open();
    const call = (origin: string) => wire.call("/v1/sessions", { headers: { host: "localhost:2468", origin } });
    for (const own of ["http://localhost:2468", "https://localhost:2468"])
      expect((await call(own)).status, own).toBe(200);
    for (const other of ["http://localhost:3000", "http://localhost", page, "null", "x"]) {
      expect(await codeOf(await call(other)), other).toBe("auth.origin");
    }
  });
}

const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"));

function corsRules(open: Open): void {
  const preflight = (wire: Wire, origin: string) =>
    wire.call("/v1/sessions", { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });

  test("CORS is closed until it is opened (D-01)", async () => {
    const wire = await open();
    expect(corsOf(await wire.call("/v1/health"))).toEqual({ vary: "origin" });
    const refused = await preflight(wire, page);
    expect(corsOf(refused)).toEqual({ vary: "origin" });
    expect(await codeOf(refused)).toBe("auth.origin");
  });

  test("a listed origin is told what it may do, on answers, refusals and streams alike", async () => {
    const wire = await open({ token, cors: { origins: [page] } });
    const told = {
      vary: "origin",
      "access-control-allow-origin": page,
      "access-control-expose-headers": "allow, retry-after, www-authenticate",
    };
    const { id } = await openSession(wire.house);
    const headers = { origin: page, authorization: `Bearer ${token}` };
    expect(corsOf(await wire.call("/v1/sessions", { headers }))).toEqual(told);
    expect(corsOf(await wire.call("/v1/sessions", { headers: { origin: page } }))).toEqual(told);
    expect(corsOf(await wire.call("/v1/nothing", { headers }))).toEqual(told);
    const head = { method: "HEAD", headers: { ...headers, accept: "text/event-stream" } };
    expect(corsOf(await wire.call(`/v1/sessions/${id}/events`, head))).toEqual(told);
    expect(await codeOf(await wire.call("/v1/sessions", { headers: { ...headers, origin: `${page}.evil` } }))).toBe(
      "auth.origin",
    );
  });

  test("a preflight names methods and headers one by one, since a star does not cover authorization", async () => {
    const wire = await open({ token, cors: { origins: [page], headers: ["x-own"], methods: ["QUERY"] } });
    const answer = await preflight(wire, page);
    expect(answer.status).toBe(204);
    expect(corsOf(answer)).toMatchObject({
      "access-control-allow-origin": page,
      "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, QUERY",
      "access-control-allow-headers": "accept, authorization, content-type, idempotency-key, last-event-id, x-own",
      "access-control-max-age": "600",
    });
  });

  test("a star lets any origin in by its name, and never with credentials", async () => {
    const wire = await open({ cors: { origins: ["*"] } });
    for (const origin of [page, "null"]) {
      const cors = corsOf(await wire.call("/v1/sessions", { headers: { origin } }));
      expect(cors).toMatchObject({ "access-control-allow-origin": origin });
      expect(cors).not.toHaveProperty("access-control-allow-credentials");
    }
    const both = open({ cors: { origins: ["*"], credentials: true } });
    await expect(both).rejects.toMatchObject({
      code: "config.invalid",
      help: expect.stringContaining("Name the origins"),
    });
  });

  test("credentials are allowed to the exact origin", async () => {
    const wire = await open({ cors: { origins: [page], credentials: true } });
    expect(corsOf(await wire.call("/v1/sessions", { headers: { origin: page } }))).toMatchObject({
      "access-control-allow-origin": page,
      "access-control-allow-credentials": "true",
    });
  });

  test("what is not an origin is refused at the start, with the right spelling", async () => {
    await expect(open({ cors: { origins: [`${page}/path`] } })).rejects.toMatchObject({
      code: "config.invalid",
      help: `Write it as ${page}.`,
    });
    await expect(open({ cors: { origins: ["app.example.org"] } })).rejects.toMatchObject({ code: "config.invalid" });
  });
}

function limitRules(open: Open): void {
  const prompt = (bytes: number) => JSON.stringify({ agent: "talker", title: "x".repeat(bytes) });

  /** A body whose length nobody announces. */
  const streamed = (text: string): RequestInit & { duplex: "half" } => ({
    ...jsonInit("POST", {}),
    body: new Blob([text]).stream(),
    duplex: "half",
  });

  test("a body beyond the limit is refused, counted or announced, and others go on (AR-04)", async () => {
    const wire = await open({ maxBodyBytes: 1000 });
    const whole = prompt(100).padEnd(1000, " ");
    for (const [init, status] of [
      [{ ...jsonInit("POST", {}), body: whole }, 201],
      [{ ...jsonInit("POST", {}), body: `${whole} ` }, 413],
      [streamed(whole), 201],
      [streamed(`${whole} `), 413],
    ] as const) {
      const [response, other] = await Promise.all([wire.call("/v1/sessions", init), wire.call("/v1/sessions")]);
      expect(response.status).toBe(status);
      if (status === 413)
        expect(problemSchema.parse(await response.json())).toMatchObject({ code: "request.too_large", maxBytes: 1000 });
      else await response.body?.cancel();
      expect(other.status).toBe(200);
    }
  });

  test("sixteen mebibytes are the usual limit", async () => {
    const wire = await open();
    const huge = await wire.call("/v1/sessions", { ...jsonInit("POST", {}), body: "x".repeat(16 * 1024 * 1024 + 1) });
    expect(await codeOf(huge)).toBe("request.too_large");
  });
}

function surpriseRules(open: Open): void {
  test("a surprise gets an id and a line in the log, and shows nothing of itself (CR-07)", async () => {
    const runs = () => Promise.reject(new Error("the secret cause"));
    const wire = await open({ wrap: (kernel) => ({ ...kernel, runs }) });
    const response = await wire.call("/v1/runs");
    const text = await response.text();
    const problem = problemSchema.parse(JSON.parse(text));
    expect(problem).toMatchObject({
      status: 500,
      code: "internal",
      instance: expect.stringMatching(/^err_[0-9a-f]{16}$/),
    });
    expect(text).not.toContain("the secret cause");
    expect(wire.house.logged).toMatchObject([
      { instance: problem.instance, message: "the secret cause", stack: expect.stringContaining("gate.conformance") },
    ]);
  });
}

export const gateSuite = (way: Way): void => {
  describe(`the gate over ${way.name}`, () => {
    const opened: Wire[] = [];
    const open: Open = async (options) => {
      const wire = await way.open(options);
      opened.push(wire);
      return wire;
    };
    afterEach(async () => {
      for (const wire of opened.splice(0)) await wire[Symbol.asyncDispose]();
    });
    describe("token", () => tokenRules(open));
    describe("host and origin", () => hostRules(open));
    describe("CORS", () => corsRules(open));
    describe("limits", () => limitRules(open));
    describe("surprises", () => surpriseRules(open));
  });
};
