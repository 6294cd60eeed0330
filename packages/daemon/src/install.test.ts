/** Installing over HTTP: one answer at the end, or every step as it comes, and a refusal where there still can be a status. */
import type { Agents, InstallOptions, Kernel } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { expect, test } from "vitest";
import { breathe, openHouse } from "./house.fixture.ts";

type Install = (options: InstallOptions) => Promise<void>;

/** A kernel that installs as the test says. */
const installing =
  (work: Install) =>
  (kernel: Kernel): Kernel => {
    const install: Agents["install"] = async (_agent, options = {}) => {
      await work(options);
      const programs = { node: "node", bin: () => "" };
      const artifacts = [{ kind: "native_agent", path: "/p", source: "registry", version: "1.0.0" }] as const;
      return { alreadyInstalled: false, version: "1.0.0", artifacts, programs };
    };
    return { ...kernel, agents: { ...kernel.agents, install } };
  };

const request = (accept: string, body: unknown = {}, agent = "talker"): Request =>
  new Request(`http://127.0.0.1/v1/agents/${agent}/install`, {
    method: "POST",
    headers: { accept, "content-type": "application/json", host: "127.0.0.1" },
    body: JSON.stringify(body),
  });

const answered = { already_installed: false, version: "1.0.0", artifacts: [{ kind: "native_agent", path: "/p" }] };

test("an installation is answered when it is done, in the words of the agent server's clients (D-03)", async () => {
  const seen: InstallOptions[] = [];
  await using house = await openHouse({ wrap: installing(async (options) => void seen.push(options)) });
  const body = { agentVersion: "1.2.3", offline: true };
  const response = await house.daemon.fetch(request("application/json", body));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject(answered);
  expect(seen).toMatchObject([{ version: "1.2.3", offline: true }]);
});

test("whoever accepts a stream is told every step as it comes, and the end (D-03)", async () => {
  const gate = Promise.withResolvers<void>();
  const work: Install = async ({ onProgress }) => {
    onProgress?.({ step: "resolving", detail: "a@1" });
    await gate.promise;
    onProgress?.({ step: "downloading", detail: "1 of 2", percent: 49 });
  };
  await using house = await openHouse({ wrap: installing(work) });
  const response = await house.daemon.fetch(request("application/x-ndjson"));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const first = await reader.read();
  expect(JSON.parse(first.value!)).toEqual({ type: "install.progress", step: "resolving", detail: "a@1" });
  gate.resolve();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) rest += read.value;
  const lines = rest
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { type: "install.progress", percent: 49 },
    { type: "install.done", ...answered },
  ]);
});

test("server-sent events carry the same lines by their types", async () => {
  await using house = await openHouse({ wrap: installing(async () => undefined) });
  const response = await house.daemon.fetch(request("text/event-stream"));
  expect(await response.text()).toContain(
    'event: install.done\ndata: {"type":"install.done","already_installed":false',
  );
});

test("a refusal is a problem document, or the last line of a stream", async () => {
  const refusing: Install = () =>
    Promise.reject(new Fault("agent.install", { detail: "npm said no", help: "Ask again." }));
  await using house = await openHouse({ wrap: installing(refusing) });
  const problem = await house.daemon.fetch(request("application/json"));
  expect([problem.status, await problem.json()]).toMatchObject([502, { code: "agent.install", detail: "npm said no" }]);
  const stream = await house.daemon.fetch(request("application/x-ndjson"));
  const fault = { code: "agent.install", detail: "npm said no", help: "Ask again." };
  expect(JSON.parse(await stream.text())).toEqual({ type: "install.failed", fault });
  expect((await house.daemon.fetch(request("application/x-ndjson", {}, "nobody"))).status).toBe(404);
  expect((await house.daemon.fetch(request("text/html"))).status).toBe(406);
  expect((await house.daemon.fetch(request("application/json", { reinstall: "yes" }))).status).toBe(400);
});

test("a surprise is written to the log, and the stream only says where", async () => {
  const surprised: Install = () => Promise.reject(new Error("the disk speaks of /secret"));
  await using house = await openHouse({ wrap: installing(surprised) });
  const text = await (await house.daemon.fetch(request("application/x-ndjson"))).text();
  expect(JSON.parse(text).fault).toMatchObject({
    code: "internal",
    detail: expect.stringContaining(house.logged[0]!.instance),
  });
  expect(text).not.toContain("/secret");
});

test("a caller who leaves ends nothing", async () => {
  const gate = Promise.withResolvers<void>();
  let done = false;
  const work: Install = async () => {
    await gate.promise;
    done = true;
  };
  await using house = await openHouse({ wrap: installing(work) });
  const response = await house.daemon.fetch(request("application/x-ndjson"));
  await response.body!.cancel();
  gate.resolve();
  while (!done) await breathe();
});

test("an agent that is part of Corral needs no installation and cannot be removed", async () => {
  await using house = await openHouse();
  const response = await house.daemon.fetch(request("application/json"));
  expect(await response.json()).toEqual({ already_installed: true, artifacts: [] });
  const removal = new Request("http://127.0.0.1/v1/agents/talker/install", { method: "DELETE" });
  expect((await house.daemon.fetch(removal)).status).toBe(409);
});
