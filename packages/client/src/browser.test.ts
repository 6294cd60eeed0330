/** The client in a real browser: a page of another origin opens a session, prompts, answers and sees the end. */
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { startDaemon } from "./daemon.fixture.ts";

const executablePath = "/usr/bin/chromium";
const token = "a-token-for-one-test";

const script = `
import { connect } from "@corral/client";
globalThis.firstSession = async (url, token) => {
  const corral = connect({ url, token });
  const session = await corral.sessions.open({ agent: "scripted" });
  const run = session.prompt("Hello from a page", { onAsk: () => "allow" });
  const types = [];
  for await (const event of run) types.push(event.type);
  const refused = await connect({ url, token: "wrong" }).agents().catch(({ code }) => code);
  const waiting = session.events({ after: (await session.state()).cursor })[Symbol.asyncIterator]();
  const next = waiting.next();
  await waiting.return();
  return { text: await run.text(), types, refused, left: await next, session: session.id };
};`;

async function servePage() {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  const bundle = outputFiles[0]!.text;
  const page = `<!doctype html><title>Corral</title><script type="module" src="/bundle.js"></script>`;
  const server = createServer((request, response) => {
    const isBundle = request.url === "/bundle.js";
    response.setHeader("content-type", isBundle ? "text/javascript" : "text/html").end(isBundle ? bundle : page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** On a machine of CI a missing browser is a failure. */
const why = existsSync(executablePath) || process.env.CI ? "" : `, skipped: there is no ${executablePath}`;

test.skipIf(why !== "")(
  `a page of another origin uses the client from a browser${why}`,
  { timeout: 120_000 },
  async () => {
    await using site = await servePage();
    await using daemon = await startDaemon({ token, args: ["-O", site.origin] });
    const browser = await chromium.launch({ executablePath, headless: true, args });
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      await page.goto(site.origin);
      await page.waitForFunction("globalThis.firstSession");
      const call = `firstSession(${JSON.stringify(daemon.url)}, ${JSON.stringify(token)})`;
      const seen = (await page.evaluate(call)) as Record<string, unknown>;
      expect(seen).toMatchObject({ refused: "auth.required", left: { done: true } });
      expect(seen.text).toContain("Hello from a page");
      expect(seen.types).toEqual(expect.arrayContaining(["turn.started", "turn.asked", "turn.answered", "turn.ended"]));
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);
