/** `corral run` in a pipe, without a daemon: answers, exit codes, and the last line of `--json`. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventSchema } from "@corral/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, linesOf, mainFile, openHome, resultOf } from "./cli.fixture.ts";

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

const story = (...steps: readonly unknown[]) =>
  home.write("story.json", JSON.stringify({ name: "s", turns: [{ steps }] }));

describe("a prompt in a pipe", () => {
  test("the scripted agent needs no key: the answer is on stdout, progress on stderr (DR-06)", async () => {
    const { code, stdout, stderr } = await home.corral(["run", "--allow", "Good morning"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Good morning");
    expect(stdout).not.toMatch(/plan|→/);
    expect(stdout).not.toContain("\u001b");
    expect(stderr).toMatch(/session ses_/);
    expect(stderr).toContain("→ Write corral-hello.md (edit)");
    expect(stderr).not.toContain("\u001b");
    expect(await readFile(join(home.work, "corral-hello.md"), "utf8")).toContain("Good morning");
  });

  test("the prompt may come from stdin, and quiet leaves only the answer", async () => {
    const file = await story("quote");
    const { code, stdout, stderr } = await home.corral(["run", "-q", "--story", file, "-"], { input: "from a pipe\n" });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe("You said: from a pipe\n");
  });

  test("where answer and progress go to one place, each line of progress stands on its own", async () => {
    const file = await story(
      { say: { text: "one half", chunk: 3 } },
      { plan: [{ content: "go on", status: "in_progress" }] },
    );
    const together = join(home.folder, "together.txt");
    const line = `"$0" "$1" run --story "${file}" Hi > "${together}" 2>&1`;
    await promisify(execFile)("sh", ["-c", line, process.execPath, mainFile], { cwd: home.work, env: home.env });
    expect(await readFile(together, "utf8")).toContain("one half\nplan 0/1: go on\n");
  });

  test("a denied permission leaves the files as they are", async () => {
    const { code, stdout } = await home.corral(["run", "--deny", "edit", "--allow", "--cwd", home.folder, "Hi"]);
    expect(code).toBe(0);
    expect(stdout).toContain("I have left your files as they are");
    expect(existsSync(join(home.folder, "corral-hello.md"))).toBe(false);
  });

  test("a session goes on in a later command, in another process", async () => {
    await home.corral(["run", "--allow", "one"]);
    const { code, stdout } = await home.corral(["run", "--session", "last", "two"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/You said: .*two[\s\S]*2 messages/);
  });

  test("with --json every line is an event and the last one the result", async () => {
    const ran = await home.corral(["run", "--json", "--allow", "Hello"]);
    const lines = linesOf(ran.stdout).map((line) => JSON.parse(line) as unknown);
    const events = lines.slice(0, -1).map((line) => eventSchema.parse(line));
    expect(events.at(-1)?.type).toBe("turn.ended");
    expect(ran.stderr).toBe("");
    expect(resultOf(ran)).toMatchObject({ type: "result", outcome: "completed", exitCode: 0 });
    expect(resultOf(ran).output).toContain("Hello");
  });

  test("a secret reaches the agent by its name and stays out of the events", async () => {
    const file = await story({ env: {} });
    const env = { SCRIPTED_KEY: "canary-5b1", UNNAMED_KEY: "canary-5b2" };
    const ran = await home.corral(["run", "--json", "--story", file, "--secret", "SCRIPTED_KEY", "x"], { env });
    expect(resultOf(ran).output).toContain("SCRIPTED_KEY");
    expect(ran.stdout).not.toContain("canary-5b2");
    const opened = linesOf((await home.corral(["sessions", "tail", "--after", "0", "--json", "last"])).stdout)[0];
    expect(opened).toContain("SCRIPTED_KEY");
    expect(opened).not.toContain("canary");
  });
});

describe("exit codes", () => {
  test("2: a person is needed; the answer lets the turn go on", async () => {
    const { code, stderr } = await home.corral(["run", "Hello"]);
    expect(code).toBe(2);
    const command = /corral (ask answer ask_\w+ allow)/.exec(stderr)?.[1] ?? "";
    const answered = await home.corral(command.split(" "));
    expect(answered.code).toBe(0);
    expect(answered.stdout).toContain("allow");
    expect((await home.corral(["ask", "ls"])).stderr).toContain("Nothing waits");
  });

  test("2 with --json: the asks are in the result", async () => {
    const ran = await home.corral(["run", "--json", "Hello"]);
    expect(ran.code).toBe(2);
    expect(resultOf(ran)).toMatchObject({
      outcome: "paused",
      exitCode: 2,
      asks: [{ id: expect.stringMatching(/^ask_/) }],
    });
  });

  test("4: the turn takes longer than --timeout, even when the agent hangs", async () => {
    const file = await story({ say: "hm" }, "hang");
    const ran = await home.corral(["run", "--json", "--story", file, "--timeout", "1s", "x"]);
    expect([ran.code, resultOf(ran).fault?.code]).toEqual([4, "turn.deadline"]);
  });

  test("5: the agent crashes; what it said before is kept", async () => {
    const file = await story({ say: "half a sen" }, { crash: "SIGKILL" });
    const { code, stdout, stderr } = await home.corral(["run", "--story", file, "x"]);
    expect([code, stdout]).toEqual([5, "half a sen\n"]);
    expect(stderr).toContain("harness.crashed");
  });

  test("5: the agent answers with an error", async () => {
    const file = await story({ error: { code: -32_000, message: "out of credit" } });
    const { code, stderr } = await home.corral(["run", "--story", file, "x"]);
    expect(code).toBe(5);
    expect(stderr).toContain("out of credit");
  });

  test("1: a story that is wrong is told with its file and line", async () => {
    const file = await home.write("wrong.yaml", "name: w\nturns:\n  - steps:\n      - sya: hello\n");
    const { code, stderr } = await home.corral(["run", "--story", file, "x"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/wrong\.yaml:4: .*say/);
  });

  test("1 with --json: a run that never began still ends with a result", async () => {
    const ran = await home.corral(["run", "--json", "--agent", "nobody", "x"]);
    expect(ran.code).toBe(1);
    expect(resultOf(ran)).toMatchObject({ type: "result", exitCode: 1, fault: { code: "agent.missing" } });
  });

  test("130: an interrupt cancels the turn, which then has its end", async () => {
    const file = await story({ say: "wait" }, { hang: { cancellable: true } });
    const one = home.start(["run", "--story", file, "x"]);
    await one.says(/wait/);
    one.child.kill("SIGINT");
    expect((await one.ended).code).toBe(130);
    const { stdout } = await home.corral(["sessions", "show", "last", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ phase: "idle", lastTurn: { outcome: "cancelled" } });
  });

  test("130: a second interrupt leaves at once, though the agent ignores the first", async () => {
    const file = await story("ignore-sigterm", { say: "wait" }, "hang");
    const one = home.start(["run", "--story", file, "x"]);
    await one.says(/wait/);
    one.child.kill("SIGINT");
    await one.says(/again leaves at once/);
    one.child.kill("SIGINT");
    expect((await one.ended).code).toBe(130);
    // What was left in a hurry is swept by the next command.
    expect((await home.corral(["sessions", "show", "last"])).code).toBe(0);
    expect((await home.corral(["doctor", "residue"])).stdout).toMatch(/ok +residue/);
  });
});

describe("a reader that goes away", () => {
  test("the run ends quietly, and so does its turn", async () => {
    const file = await story({ say: "first line\n" }, { hang: { cancellable: true } });
    const one = home.start(["run", "--json", "--story", file, "x"]);
    await one.says(/turn.started/);
    one.child.stdout?.destroy();
    const { code, stderr } = await one.ended;
    expect([code, stderr]).toEqual([130, ""]);
  });
});
