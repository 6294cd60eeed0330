/** Every way in which the scripted harness can behave badly, each looked at from outside. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isAlive, startClient } from "./test-client.fixture.ts";

const broken = (turn: Promise<unknown>): Promise<string> =>
  turn.then(
    () => "answered",
    () => "not answered",
  );

describe("ending", () => {
  test("exit leaves with its code after everything said was written", async () => {
    await using client = await startClient();
    const turn = broken(client.prompt(await client.open([{ say: { text: "x".repeat(300_000) } }, { exit: 137 }])));
    expect(await client.exited).toEqual({ code: 137, signal: null });
    expect(await turn).toBe("not answered");
    expect(client.said()).toHaveLength(300_000);
  });

  test("crash dies by the signal it names, SIGKILL when it names none", async () => {
    await using client = await startClient();
    const turn = broken(client.prompt(await client.open(["crash"])));
    expect(await client.exited).toEqual({ code: null, signal: "SIGKILL" });
    await using other = await startClient();
    const second = broken(other.prompt(await other.open([{ crash: "SIGSEGV" }])));
    expect(await other.exited).toEqual({ code: null, signal: "SIGSEGV" });
    expect([await turn, await second]).toEqual(["not answered", "not answered"]);
  });

  test("SIGTERM ends the program and the command of its tool", async () => {
    await using client = await startClient();
    const run = "echo $$ > pid.part; mv pid.part pid; exec sleep 600";
    const turn = broken(client.prompt(await client.open([{ tool: { title: "Wait", run } }])));
    const pidOf = () => readFile(join(client.cwd, "pid"), "utf8").then(Number, () => 0);
    await expect.poll(pidOf, { timeout: 20_000 }).toBeGreaterThan(0);
    const pid = await pidOf();
    client.process.kill("SIGTERM");
    expect(await client.exited).toEqual({ code: null, signal: "SIGTERM" });
    await turn;
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });

  test("a harness that ignores SIGTERM and the end of its input goes on until it is killed", async () => {
    await using client = await startClient();
    const session = await client.open({
      turns: [{ steps: ["ignore-sigterm"] }, { steps: ["quote", { late: { afterMs: 400, text: ", I am" } }] }],
    });
    await client.prompt(session);
    client.process.kill("SIGTERM");
    await client.prompt(session, "still there?");
    client.process.stdin?.end();
    client.process.kill("SIGTERM");
    client.process.kill("SIGHUP");
    await client.until(() => client.said() === "You said: still there?, I am");
    client.process.kill("SIGKILL");
    expect(await client.exited).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("a hanging turn ignores its cancellation, and other sessions do not notice", async () => {
    await using client = await startClient();
    const hangs = await client.open([{ say: "…" }, "hang"]);
    const turn = broken(client.prompt(hangs));
    await client.until(() => client.said(hangs) === "…");
    client.notify("session/cancel", { sessionId: hangs });
    const other = await client.open(["quote"]);
    await client.prompt(other, "you?");
    expect(client.said(other)).toBe("You said: you?");
    expect(await Promise.race([turn, "hanging"])).toBe("hanging");
    client.process.kill("SIGKILL");
    expect(await turn).toBe("not answered");
  });
});

test("a gate waits for a file of the workspace, or for the end of its turn", async () => {
  await using client = await startClient();
  const session = await client.open([{ say: "before" }, { gate: "go" }, { say: ", after" }]);
  const turn = client.prompt(session);
  await client.until(() => client.said() === "before");
  await writeFile(join(client.cwd, "go"), "");
  expect(await turn).toMatchObject({ stopReason: "end_turn" });
  expect(client.said()).toBe("before, after");
  const waiting = await client.open([{ gate: "never" }]);
  const shut = client.prompt(waiting);
  client.notify("session/cancel", { sessionId: waiting });
  expect(await shut).toMatchObject({ stopReason: "cancelled" });
});

describe("hanging up", () => {
  test("hang-up closes the conversation, and the program lives on until it is killed", async () => {
    await using client = await startClient();
    const turn = broken(client.prompt(await client.open([{ say: "Bye" }, "hang-up", "hang"])));
    if (client.process.stdout) await once(client.process.stdout, "end");
    expect(client.said()).toBe("Bye");
    client.process.kill("SIGTERM");
    expect(isAlive(client.process.pid ?? 0)).toBe(true);
    client.process.kill("SIGKILL");
    expect(await client.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(await turn).toBe("not answered");
  });

  test("on-signal plays its steps when the signal comes, even after its turn has ended", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ "on-signal": { signal: "SIGUSR2", steps: [{ exit: 3 }] } }]));
    client.process.kill("SIGUSR2");
    expect(await client.exited).toEqual({ code: 3, signal: null });
  });
});

describe("leaving processes behind", () => {
  test("double-fork leaves a grandchild in a session of its own that SIGTERM and SIGHUP do not end (DR-08)", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ "double-fork": { seconds: 600 } }]));
    const pid = Number(await readFile(join(client.cwd, "grandchild.pid"), "utf8"));
    try {
      const fields = (await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).split(") ")[1]?.split(" ");
      if (fields) {
        expect(Number(fields[1])).not.toBe(client.process.pid);
        expect(Number(fields[3])).not.toBe(client.process.pid);
      }
      client.process.kill("SIGKILL");
      await client.exited;
      process.kill(pid, "SIGTERM");
      process.kill(pid, "SIGHUP");
      const ignored = /^SigIgn:\s*(\w+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1];
      if (ignored) expect(Number.parseInt(ignored, 16) & 0x4001).toBe(0x4001); // SIGHUP and SIGTERM
      expect(isAlive(pid)).toBe(true);
    } finally {
      process.kill(pid, "SIGKILL");
    }
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });

  test("child leaves a background child in the program's own process group", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ child: "echo $$ > pid.part; mv pid.part pid; exec sleep 600" }]));
    const pidOf = () => readFile(join(client.cwd, "pid"), "utf8").then(Number, () => 0);
    await expect.poll(pidOf, { timeout: 20_000 }).toBeGreaterThan(0);
    const pid = await pidOf();
    client.process.kill("SIGKILL");
    await client.exited;
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
  });
});

describe("breaking the protocol", () => {
  test("junk, unknown updates and raw frames are written as they are", async () => {
    await using client = await startClient();
    const frame = { method: "session/update", params: { sessionId: "{{session}}", oddity: 1 } };
    const session = await client.open([{ junk: "!! not json" }, "unknown-update", { frame }]);
    await client.prompt(session);
    expect(client.junk).toEqual(["!! not json"]);
    expect(client.updates(session)[0]).toMatchObject({ sessionUpdate: "weather_report", sky: "clear" });
    expect(client.frames).toContainEqual({ method: "session/update", params: { sessionId: session, oddity: 1 } });
  });

  test("a big frame has exactly the size it names", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ frame: { big: 3_000_000 } }]));
    expect(client.frames.map((frame) => JSON.stringify(frame).length)).toContain(3_000_000);
  });

  test("a prompt may be answered twice, and a request sent twice under one id", async () => {
    await using client = await startClient();
    await client.prompt(await client.open(["duplicate-id"]));
    await client.open(["quote"]);
    expect(client.frames.filter(({ result }) => JSON.stringify(result) === '{"stopReason":"end_turn"}')).toHaveLength(
      2,
    );
    client.serve("session/request_permission", () => ({ outcome: { outcome: "selected", optionId: "reject_once" } }));
    await client.prompt(await client.open([{ "duplicate-id": "request" }]));
    const ids = client.frames.filter(({ method }) => method === "session/request_permission").map(({ id }) => id);
    expect(ids).toEqual([0, 0]);
    expect(client.said()).toBe("The answer was: denied");
  });

  test("late words come after the answer to the prompt", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ late: { afterMs: 10, text: "by the way" } }]));
    await client.until(() => client.said() === "by the way");
    const answered = client.frames.findIndex(({ result }) => JSON.stringify(result)?.includes("end_turn"));
    const spoke = client.frames.findIndex((frame) => JSON.stringify(frame).includes("by the way"));
    expect(spoke).toBeGreaterThan(answered);
  });

  test("a flood tells every number in order and waits for a reader that is slow", async () => {
    await using client = await startClient();
    const session = await client.open([{ flood: 20_000 }]);
    client.process.stdout?.pause();
    const turn = client.prompt(session);
    client.process.stdout?.resume();
    await turn;
    expect(client.said()).toBe(Array.from({ length: 20_000 }, (_, i) => `${i} `).join(""));
  });

  test("a flood can be cancelled", async () => {
    await using client = await startClient();
    const sessionId = await client.open([{ flood: 100_000_000 }]);
    const turn = client.prompt(sessionId);
    await client.until(() => client.updates().length > 10);
    client.notify("session/cancel", { sessionId });
    expect(await turn).toEqual({ stopReason: "cancelled" });
  });

  test("stderr gets its lines", async () => {
    await using client = await startClient();
    await client.prompt(await client.open([{ stderr: "oh" }, { stderr: { lines: 1000, text: "no" } }]));
    await client.until(() => client.stderr().endsWith("no 1000\n"));
    expect(client.stderr().split("\n").slice(0, 3)).toEqual(["oh", "no 1", "no 2"]);
  });
});
