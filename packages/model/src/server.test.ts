/** The server around the dialects: its journal, its lists, many at once, and an end that leaves nothing. */
import { createHash } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { systemClock } from "@corral/kernel";
import { isFault } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { model, modelThat, until } from "./model.fixture.ts";
import { startModel } from "./server.ts";
import { post, talk, type WireName, wires } from "./wire.fixture.ts";

const json = async (url: string, init?: RequestInit) => (await fetch(url, init)).json() as Promise<unknown>;

describe("the journal", () => {
  test("tells every request in order, with status and usage", async () => {
    const { url, journal } = await model();
    await talk(url, "chat", { prompt: "ECHO:a" });
    await talk(url, "messages", { prompt: "FAIL429", stream: true });
    await fetch(`${url}/v1/models?key=secret`);
    await until(() => journal().every(({ endedAt }) => endedAt !== undefined));
    expect(journal()).toMatchObject([
      { n: 1, dialect: "chat", prompt: "ECHO:a", status: 200, usage: { input: 1_100, output: 42 }, aborted: false },
      { n: 2, dialect: "messages", prompt: "FAIL429", status: 429, stream: true },
      { n: 3, path: "/v1/models", status: 200, method: "GET" },
    ]);
    expect(journal()[1]).not.toHaveProperty("usage");
  });

  test("knows a key by its mark and never holds it, wherever it was shown (invariant 8)", async () => {
    const { url, journal } = await model();
    const key = "sk-canary-51b1c7";
    const mark = createHash("sha256").update(key).digest("hex").slice(0, 12);
    for (const name of Object.keys(wires) as WireName[])
      await (await post(url, name, { prompt: "Hi" }, { headers: wires[name].key(key) })).text();
    await (await fetch(`${url}/v1beta/models/m:generateContent?key=${key}`, { method: "POST", body: "{}" })).text();
    await (await fetch(`${url}/v1/models`)).text();
    const shown = journal().map(({ authorization }) => authorization);
    expect(shown.map((one) => one?.scheme)).toEqual([
      "bearer",
      "bearer",
      "x-api-key",
      "x-goog-api-key",
      "query",
      undefined,
    ]);
    expect(shown.slice(0, 5).every((one) => one?.keySha256 === mark)).toBe(true);
    expect(await (await fetch(`${url}/__journal`)).text()).not.toContain("canary");
  });

  test("is read and emptied over HTTP, and does not tell of itself", async () => {
    const { url, journal } = await model();
    await talk(url, "gemini", { prompt: "Hi" });
    expect(await json(`${url}/__journal`)).toMatchObject([{ n: 1, dialect: "gemini" }]);
    expect((await fetch(`${url}/__journal`, { method: "DELETE" })).status).toBe(204);
    expect(journal()).toEqual([]);
    expect((await fetch(`${url}/__journal`, { method: "PUT" })).status).toBe(405);
  });
});

describe("beside replies", () => {
  test("models are listed as each provider lists them", async () => {
    const { url } = await model({ models: ["one", "two"] });
    const anthropic = { headers: { "anthropic-version": "2023-06-01" } };
    expect(await json(`${url}/v1/models`)).toMatchObject({
      object: "list",
      data: [{ id: "one" }, { id: "two" }],
      models: [],
    });
    expect(await json(`${url}/v1/models/two`)).toMatchObject({ id: "two", object: "model" });
    expect(await json(`${url}/v1/models`, anthropic)).toMatchObject({
      data: [{ type: "model", id: "one" }, {}],
      has_more: false,
    });
    expect(await json(`${url}/v1beta/models`)).toMatchObject({
      models: [{ name: "models/one" }, { name: "models/two" }],
    });
    expect((await fetch(`${url}/v1/models/three`)).status).toBe(404);
  });

  test("tokens are counted by the formula of the usage", async () => {
    const { url } = await model();
    const count = (path: string, name: WireName) =>
      json(url + path, { method: "POST", body: JSON.stringify(wires[name].body({ prompt: "Hi", before: ["One"] })) });
    expect(await count("/v1/messages/count_tokens", "messages")).toEqual({ input_tokens: 1_200 });
    expect(await count("/v1beta/models/m:countTokens", "gemini")).toEqual({ totalTokens: 1_200 });
    expect(await count("/v1/responses/input_tokens", "responses")).toMatchObject({ input_tokens: 1_200 });
  });

  test("a knock is answered, and an unknown address is not found", async () => {
    const { url, journal } = await model();
    const knock = await fetch(url, { method: "HEAD" });
    expect([knock.status, await knock.text()]).toEqual([200, ""]);
    expect((await fetch(`${url}/api/hello`)).status).toBe(200);
    expect((await fetch(`${url}/v1/embeddings`, { method: "POST", body: "{}" })).status).toBe(404);
    expect(journal().map(({ path }) => path)).toEqual(["/", "/api/hello", "/v1/embeddings"]);
  });

  test("a WebSocket is refused with 426, so that Codex falls back to HTTP", async () => {
    const { port, journal } = await model();
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "x",
      "sec-websocket-version": "13",
    };
    const status = await new Promise((resolve, reject) => {
      const upgrade = request({ port, host: "127.0.0.1", path: "/v1/responses", headers });
      upgrade
        .on("response", (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(426);
    expect(journal()).toMatchObject([{ path: "/v1/responses", status: 426 }]);
  });
});

describe("the server", () => {
  test("answers fifty streams at once, each with its own words", async () => {
    const { url, journal } = await modelThat({ text: { text: "You said: {{prompt}}", chunk: 3, delayMs: 2 } });
    const names = Object.keys(wires) as WireName[];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => talk(url, names[at % 4]!, { prompt: `number ${at}`, stream: true })),
    );
    expect(answers.map(({ heard }) => heard.text)).toEqual(answers.map((_, at) => `You said: number ${at}`));
    expect(answers.every(({ heard }) => heard.ended)).toBe(true);
    expect(journal()).toHaveLength(50);
  });

  test("does not take more memory than its reader takes words", async () => {
    const { url, journal } = await modelThat({ text: { text: "x".repeat(400_000), chunk: 1 } });
    const response = await post(url, "messages", { prompt: "Hi", stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    expect(journal()[0]).not.toHaveProperty("endedAt");
    await reader.cancel();
    await until(() => journal()[0]?.endedAt !== undefined);
    expect(journal()[0]).toMatchObject({ aborted: true });
  });

  test("survives callers that break off in the middle of their request", async () => {
    const { url, port, journal } = await model();
    const socket = connect(port, "127.0.0.1");
    socket.write("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await until(() => journal().length === 1);
    socket.destroy();
    await until(() => journal()[0]?.endedAt !== undefined);
    expect(journal()[0]).toMatchObject({ aborted: true });
    expect((await talk(url, "chat", { prompt: "ECHO:still here" })).heard.text).toBe("still here");
  });

  test("closes with everything that hangs on it, and closing twice is fine", async () => {
    const started = await startModel({ clock: systemClock, story: { rules: [{ steps: [{ text: "x" }, "hang"] }] } });
    const names = Object.keys(wires) as WireName[];
    const hanging = await Promise.all(names.map((name) => post(started.url, name, { prompt: "Hi", stream: true })));
    const idle = connect(started.port, "127.0.0.1");
    const idleGone = new Promise((resolve) => idle.once("close", resolve));
    idle.on("error", () => undefined).resume(); // How its end is told is the system's matter.
    await new Promise((resolve) => (idle.connecting ? idle.once("connect", resolve) : resolve(undefined)));
    await started.close();
    await started.close();
    await Promise.all(hanging.map((response) => expect(response.text()).rejects.toThrow()));
    await idleGone;
    await expect(fetch(started.url)).rejects.toThrow();
    expect(started.journal().every(({ endedAt, aborted }) => endedAt !== undefined && aborted)).toBe(true);
  });

  test("plays another story from now on, and refuses one that is wrong without losing the first", async () => {
    const started = await modelThat({ text: "first" });
    expect(() => started.setStory({ rules: [{ steps: [] }] })).toThrow("rules[0].steps");
    expect((await talk(started.url, "chat", { prompt: "Hi" })).heard.text).toBe("first");
    started.setStory({ rules: [{ steps: [{ text: "second" }] }] });
    expect((await talk(started.url, "chat", { prompt: "Hi" })).heard.text).toBe("second");
  });

  test("says that a port is taken", async () => {
    const { port } = await model();
    await expect(startModel({ clock: systemClock, port })).rejects.toSatisfy((error) =>
      isFault(error, "config.invalid"),
    );
  });
});
