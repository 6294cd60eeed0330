/** Harnesses that die or speak nonsense: the turn fails at once and says why, and the session goes on. */
import { describe, expect, test } from "vitest";
import { acpHarness } from "../acp/harness.ts";
import { type Actor, blocks, card, type Kit, openKit, until } from "./kit.fixture.ts";

const crashed = (over: object) => ({ outcome: "failed", fault: { code: "harness.crashed", more: over } });

describe.each(["memory", "sqlite"] as const)("crashes over %s", (store) => {
  test("a harness that dies in the middle of a text fails its turn at once, with what it said last on stderr (D-26, D-31)", async () => {
    await using kit = await openKit({ store });
    const steps = [
      { say: "half a sen" },
      { stderr: { text: "complaint", lines: 100 } },
      { stderr: "last words" },
      { exit: 3 },
    ];
    const { session, play, witness } = await kit.open([steps, ["count"]]);
    const turn = await play();
    expect(turn).toMatchObject({ ...crashed({ exitCode: 3 }), output: "half a sen" });
    expect(turn.fault?.detail).toContain("last words");
    await witness.upTo(session.state().cursor);
    const exit = witness.all("harness.exited")[0]!;
    expect(exit.data).toMatchObject({ code: 3, expected: false, stderr: { totalLines: 101, truncated: true } });
    expect([exit.data.stderr.head.length, exit.data.stderr.tail.length]).toEqual([20, 50]);
    expect([exit.data.stderr.head[0], exit.data.stderr.tail.at(-1)]).toEqual(["complaint 1", "last words"]);
    expect(exit.cursor).toBeLessThan((await witness.heard("turn.ended")).cursor);
    expect((await witness.heard("run.residue")).data.run).toBe(exit.data.run);
  });
});

test.each([
  [
    "in the middle of a tool",
    [{ tool: { id: "t", title: "Work", text: "x", unfinished: true } }, { crash: "SIGKILL" }],
  ],
  ["while it does nothing", [{ crash: "SIGKILL" }]],
  ["in the middle of a flood", [{ flood: 3000 }, { crash: "SIGKILL" }]],
])(
  "a harness that is killed %s fails its turn with the signal, and the next prompt goes on (DR-09)",
  async (_, steps) => {
    await using kit = await openKit();
    const { session, play, witness } = await kit.open([steps, ["count"]]);
    expect(await play()).toMatchObject(crashed({ signal: "SIGKILL" }));
    expect(session.state().harness).toBeUndefined();
    expect((await play()).output).toBe("2 messages");
    await witness.upTo(session.state().cursor);
    expect(witness.all("harness.started").map(({ data }) => data.how)).toEqual(["new", "resume"]);
  },
);

test("a harness that is killed between two turns is missed at once, and comes back for the next prompt", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play, witness } = await kit.open([["count"]]);
  await play();
  process.kill(session.state().harness!.pid!, "SIGKILL");
  await witness.heard("harness.exited", ({ data }) => data.signal === "SIGKILL" && !data.expected);
  expect((await play()).output).toBe("2 messages");
});

test("a prompt that meets its harness dying either fails as crashed or is played by the next one", async () => {
  await using kit = await openKit({ store: "memory", limits: { crashes: { count: 1000, periodMs: 1 } } });
  const { session, play } = await kit.open([["count"]]);
  await play();
  for (let round = 0; round < 4; round++) {
    const { pid } = session.state().harness!;
    process.kill(pid!, "SIGKILL");
    if (round % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 2 * round));
    const turn = await play();
    if (turn.outcome !== "completed") expect(turn).toMatchObject(crashed({ signal: "SIGKILL" }));
    expect((await play()).outcome).toBe("completed");
  }
});

describe("how a harness comes back", () => {
  const caps = (over: object) => ({ story: { capabilities: { load: false, resume: false, fork: false, ...over } } });
  const killIt = async ({ session, witness }: Actor) => {
    const { pid, run } = session.state().harness!;
    process.kill(pid!, "SIGKILL");
    await witness.heard("harness.exited", ({ data }) => data.run === run);
  };

  test.each([
    ["resume", { resume: true, load: true }],
    ["load", { load: true }],
  ] as const)("by %s where it can, with its history intact and nothing told twice", async (how, can) => {
    await using kit = await openKit();
    const actor = await kit.open([["quote"], ["history"]], caps(can));
    await actor.play("first 🦊");
    const before = actor.witness.all("turn.updated").length;
    await killIt(actor);
    expect((await actor.play("second")).output).toBe("user: first 🦊\nagent: You said: first 🦊\nuser: second");
    await actor.witness.upTo(actor.session.state().cursor);
    expect(actor.witness.all("harness.started").map(({ data }) => data.how)).toEqual(["new", how]);
    expect(actor.witness.all("turn.updated").length).toBe(before + 1);
    expect(actor.witness.all("session.updated")).toEqual([]);
  });

  test("by telling it what was said, where it can do neither (AR-19)", async () => {
    await using kit = await openKit();
    const actor = await kit.open([["quote"]], caps({}));
    await actor.play("first 🦊");
    await killIt(actor);
    const { output = "" } = await actor.play("second");
    expect(actor.session.state().harness?.how).toBe("replay");
    for (const said of ["User: first 🦊", "Assistant: You said: first 🦊", "second"]) expect(output).toContain(said);
    expect(output.endsWith("second")).toBe(true);
    expect((await actor.play("third")).output).toBe("You said: third");
  });

  test("with a replay that is bounded and cut between messages, never inside a character (AR-19)", async () => {
    await using kit = await openKit({ limits: { replayBytes: 2_000 } });
    const actor = await kit.open([["quote"]], caps({}));
    for (let at = 0; at < 6; at++) await actor.play(`message ${at} ${"🦊".repeat(60)}`);
    await killIt(actor);
    const { output = "" } = await actor.play("last");
    const told = output.slice(output.indexOf("<conversation>"), output.indexOf("</conversation>"));
    expect(Buffer.byteLength(told)).toBeLessThan(2_100);
    expect(told).toContain("Assistant: You said: message 5");
    expect(told).not.toContain("message 0");
    expect(output).not.toContain("\uFFFD");
    expect(output.isWellFormed()).toBe(true);
    for (const line of told.split("\n").filter((one) => one.includes("🦊")))
      expect(line).toMatch(/^(User: |Assistant: You said: )message \d 🦊{60}$/u);
  });

  test("and is told again when the prompt that told it was cancelled before it was heard", async () => {
    await using kit = await openKit({ store: "memory" });
    const actor = await kit.open([["quote"]], caps({}));
    await actor.play("first");
    for (let round = 0; round < 3; round++) {
      await killIt(actor);
      const turn = await actor.prompt("hasty");
      await actor.witness.heard("harness.started", ({ data }) => data.how === "replay", { after: turn.cursor });
      const hasty = await actor.session.cancel(turn.id);
      const { output } = await actor.play("again");
      expect(`${hasty.output} ${output}`).toContain("first");
    }
  });
});

describe("a harness that does not come up", () => {
  const sh = (script: string) =>
    acpHarness({
      ...card,
      launch: ({ hostEnv }) => ({ command: "/bin/sh", args: ["-c", script], env: { ...hostEnv } }),
    });
  const open = async (kit: Kit) => {
    const { id } = await kit.kernel.sessions.open({ agent: card.id });
    return kit.find(id);
  };
  const initialized = `read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'`;

  test.each([
    ["before it says anything", "echo no licence >&2; exit 7", { exitCode: 7 }],
    ["by a signal", "echo no licence >&2; kill -9 $$", { signal: "SIGKILL" }],
    ["while its session is opened", `${initialized}; read line; echo no licence >&2; exit 9`, { exitCode: 9 }],
  ])("because it dies %s fails its turn at once, and the log says how", async (_, script, more) => {
    await using kit = await openKit({ harnesses: [sh(script)] });
    const { session, play, witness } = await open(kit);
    const turn = await play();
    expect(turn).toMatchObject({ outcome: "failed", fault: { code: "harness.start", more } });
    expect(turn.fault?.detail).toContain("no licence");
    await witness.upTo(session.state().cursor);
    const [exit] = witness.all("harness.exited");
    expect(exit?.data).toMatchObject({ expected: false, stderr: { tail: ["no licence"] } });
    expect(exit?.cursor).toBeLessThan((await witness.heard("turn.ended")).cursor);
    expect(await session.residue()).toMatchObject([{ run: exit?.data.run, processes: [], directories: [] }]);
  });

  test("because it cannot be found fails its turn, and leaves nothing behind", async () => {
    const missing = acpHarness({ ...card, launch: () => ({ command: "no-such-program", args: [], env: {} }) });
    await using kit = await openKit({ store: "memory", harnesses: [missing] });
    const { session, play } = await open(kit);
    expect(await play()).toMatchObject({ outcome: "failed", fault: { code: "process.start" } });
    expect(await session.residue()).toMatchObject([{ directories: [] }]);
  });

  test("because it answers no session fails its turn as one that does not speak the protocol", async () => {
    const script = `${initialized}; read line; echo '{"jsonrpc":"2.0","id":2,"result":{}}'; read line`;
    await using kit = await openKit({ store: "memory", harnesses: [sh(script)] });
    const { play } = await open(kit);
    expect(await play()).toMatchObject({ outcome: "failed", fault: { code: "harness.protocol" } });
  });
});

describe("what a harness says out of turn", () => {
  test("after the end of its turn is kept as stale, and belongs to no turn", async () => {
    await using kit = await openKit();
    const { session, play, witness } = await kit.open([
      [{ say: "on time" }, { late: { afterMs: 50, text: "too late" } }],
      ["count"],
    ]);
    const first = await play();
    const late = await witness.heard("session.updated");
    expect(late.turn).toBeUndefined();
    expect(late.data).toMatchObject({ stale: true, update: { content: { text: "too late" } } });
    expect((await play()).output).toBe("2 messages");
    expect((await session.turn(first.id)).output).toBe("on time");
  });

  test("on stdout beside the protocol becomes a notice", async () => {
    await using kit = await openKit({ store: "memory" });
    const { play, witness } = await kit.open([
      [
        { junk: "warning: you are on fire" },
        { junk: "[1,2]" },
        { frame: { jsonrpc: "2.0", id: 999, result: {} } },
        { say: "fine" },
      ],
    ]);
    expect(await play()).toMatchObject({ outcome: "completed", output: "fine" });
    expect(witness.all("harness.notice").map(({ data }) => [data.kind, data.text.slice(0, 12)])).toEqual([
      ["stray_output", "warning: you"],
      ["unexpected_frame", "[1,2]"],
      ["unexpected_frame", '{"jsonrpc":"'],
    ]);
  });

  test("in a frame of more than 16 MiB is left out and said to be", async () => {
    await using kit = await openKit({ store: "memory" });
    const { play, witness } = await kit.open([[{ say: "a" }, { frame: { big: 17 * 1024 * 1024 } }, { say: "b" }]]);
    expect(await play()).toMatchObject({ outcome: "completed", output: "ab" });
    expect((await witness.heard("harness.notice")).data).toMatchObject({ kind: "oversized_frame" });
  });

  test("twice under one id is taken once, and noticed", async () => {
    await using kit = await openKit({ store: "memory" });
    const { session, play, witness } = await kit.open([[{ say: "once" }, { "duplicate-id": "answer" }], ["count"]]);
    expect(await play()).toMatchObject({ outcome: "completed", output: "once" });
    await witness.heard("harness.notice", ({ data }) => data.kind === "unexpected_frame");
    expect((await play()).output).toBe("2 messages");
    expect(session.state().turns).toBe(2);
  });

  test("by methods that nobody knows is refused with -32601, and noticed", async () => {
    await using kit = await openKit({ store: "memory" });
    const { play, witness } = await kit.open([[{ call: "_moon/phase" }]]);
    expect((await play()).output).toContain("_moon/phase was refused: -32601");
    expect((await witness.heard("harness.notice")).data).toEqual({ kind: "unknown_method", text: "_moon/phase" });
  });

  test("in updates of kinds and with fields that nobody knows is kept verbatim", async () => {
    await using kit = await openKit();
    const fields = { deep: { list: [1, null, "é🦊", { a: false }] }, content: 7 };
    const { play, witness } = await kit.open([[{ "unknown-update": fields }]]);
    await play();
    const { data } = await witness.heard("turn.updated");
    expect(data.update).toEqual({
      sessionUpdate: "weather_report",
      sky: "clear",
      wind: { fromDegrees: 210, speeds: [3, 5.5] },
      _meta: { "example.org/nobody": true },
      ...fields,
    });
  });

  test("in a flood is kept, every word of it, in order", async () => {
    await using kit = await openKit({ limits: { pendingAppends: 16 } });
    const { play } = await kit.open([[{ flood: 5000 }]]);
    expect((await play()).output).toBe(Array.from({ length: 5000 }, (_, at) => `${at} `).join(""));
  });
});

test("what a harness starts behind our back is gone when the harness is (invariant 10)", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play, witness } = await kit.open([["double-fork", { child: "sleep 600" }, { exit: 0 }]]);
  expect(await play()).toMatchObject(crashed({ exitCode: 0 }));
  expect((await witness.heard("run.residue")).data).toMatchObject({ processes: [], ports: [], directories: [] });
  expect(await session.residue()).toMatchObject([{ processes: [] }]);
  await until(async () => (await kit.processes.list()).length === 0);
  await session.prompt({ prompt: blocks("again") });
});

test("a harness that dies young again and again is not launched any more for a while, and the turn says why (B-13, BR-06)", async () => {
  const crashes = { count: 2, periodMs: 3_600_000, rapidMs: 3_600_000 };
  await using kit = await openKit({ store: "memory", limits: { crashes } });
  const { session, play, witness } = await kit.open([[{ exit: 7 }]]);
  for (let time = 0; time < 3; time++) expect(await play()).toMatchObject(crashed({ exitCode: 7 }));
  expect(await play()).toMatchObject({ outcome: "failed", fault: { code: "harness.crash_loop", more: { count: 2 } } });
  await witness.upTo(session.state().cursor);
  expect(witness.all("harness.started")).toHaveLength(3);
});
