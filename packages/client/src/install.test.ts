/** Installing by the SDK: every step is heard, and the end is an answer or a fault. */
import { isFault } from "@corral/protocol";
import { expect, test } from "vitest";
import { connect } from "./connect.ts";

interface Sent {
  readonly url: string;
  readonly body: unknown;
}

/** A daemon that tells these lines, cut wherever a network might cut them. */
function telling(lines: readonly object[], cut = 7) {
  const sent: Sent[] = [];
  const bytes = new TextEncoder().encode(`\n${lines.map((line) => `${JSON.stringify(line)}\n\n`).join("")}`);
  const fetch = async (url: string, init: RequestInit) => {
    sent.push({ url, body: JSON.parse(String(init.body)) });
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        for (let at = 0; at < bytes.length; at += cut) stream.enqueue(bytes.slice(at, at + cut));
        stream.close();
      },
    });
    return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
  };
  return { sent, corral: connect({ url: "http://127.0.0.1:1", fetch }) };
}

const step = { type: "install.progress", step: "downloading", detail: "größe 1 of 2", percent: 49 };
const done = { type: "install.done", already_installed: false, version: "1.0.0", artifacts: [] };

test("steps are heard in order, and the last line is the answer (D-03)", async () => {
  const { corral, sent } = telling([step, { ...step, percent: 99 }, done]);
  const heard: unknown[] = [];
  const answer = await corral.install("zeta", { reinstall: true, onProgress: (line) => heard.push(line) });
  expect(answer).toEqual({ already_installed: false, version: "1.0.0", artifacts: [] });
  expect(heard).toEqual([step, { ...step, percent: 99 }]);
  expect(sent).toEqual([{ url: "http://127.0.0.1:1/v1/agents/zeta/install", body: { reinstall: true } }]);
});

test("a failed installation is its fault, with all that it says", async () => {
  const fault = { code: "agent.install", detail: "npm said no", help: "Ask again.", more: { exitCode: 1 } };
  const failing = telling([step, { type: "install.failed", fault }]).corral.install("zeta");
  await expect(failing).rejects.toMatchObject({ code: "agent.install", message: "npm said no", more: { exitCode: 1 } });
});

test.each([
  ["breaks off", [step]],
  ["ends with its daemon", [step, { type: "stream.end", reason: "daemon.stopping" }]],
])("a stream that %s is no answer", async (_, lines) => {
  const error = await telling(lines)
    .corral.install("zeta")
    .catch((thrown: unknown) => thrown);
  expect(isFault(error, "daemon.unreachable")).toBe(true);
});
