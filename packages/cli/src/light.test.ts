/** What a daemon does not load: Node's own web client takes a fifth of the time to start, and memory for as long as it runs. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Home, openHome, type Running } from "./cli.fixture.ts";

let home: Home;
beforeEach(async () => {
  home = await openHome();
});
afterEach(() => home[Symbol.asyncDispose]());

/** Tells as the last thing of each thread of a program which of Node's own modules it has loaded. */
const telling = `data:text/javascript,${encodeURIComponent(
  'process.on("exit", () => process.stderr.write("loaded " + process.moduleLoadList + "\\n"));',
)}`;

async function serve(): Promise<Running & { readonly url: string }> {
  const one = home.start(["serve", "--port", "0"], { env: { NODE_OPTIONS: `--import=${telling}` } });
  const url = (await one.says(/http:\/\/[\w.:[\]]+:\d+/)).trim();
  await one.says(/try {4}corral run/);
  return { ...one, url };
}

async function loadedBy({ child, ended }: Running): Promise<readonly string[]> {
  child.kill("SIGTERM");
  const lines = (await ended).stderr.matchAll(/^loaded (.*)$/gm);
  return [...lines].flatMap(([, names = ""]) => names.split(","));
}

test("a daemon answers, refuses and streams without loading Node's web client", async () => {
  const daemon = await serve();
  const statusOf = async (path: string, init?: RequestInit) => {
    const answer = await fetch(daemon.url + path, init);
    await answer.body?.cancel();
    return answer.status;
  };
  for (const path of ["/v1/health", "/v1/sessions", "/v1/agents", "/docs"]) {
    expect(await statusOf(path), path).toBe(200);
    expect(await statusOf(path, { method: "HEAD" }), path).toBe(200);
  }
  expect(await statusOf("/v1/nothing")).toBe(404);
  const headers = { "content-type": "application/json" };
  const opened = await fetch(`${daemon.url}/v1/sessions`, { method: "POST", headers, body: '{"agent":"scripted"}' });
  const { id } = (await opened.json()) as { id: string };
  const stream = await fetch(`${daemon.url}/v1/sessions/${id}/events`, { headers: { accept: "text/event-stream" } });
  expect((await stream.body?.getReader().read())?.done).toBe(false);
  const loaded = await loadedBy(daemon);
  expect(loaded).toContain("NativeModule http");
  expect(loaded.filter((name) => name.includes("undici"))).toEqual([]);
});
