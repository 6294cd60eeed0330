/** `corral` in a real terminal: a person is asked, Ctrl-C is heard, and the progress is painted. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Home, openHome } from "./cli.fixture.ts";
import { openTerminal, type Terminal } from "./terminal.fixture.ts";

let home: Home;
let terminal: Terminal;
beforeEach(async () => {
  home = await openHome();
  terminal = await openTerminal(home);
});
afterEach(async () => {
  await terminal[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const story = (...steps: readonly unknown[]) =>
  home.write("story.json", JSON.stringify({ name: "s", turns: [{ steps }] }));

describe("a person at a terminal", { timeout: 90_000 }, () => {
  test("is asked, sees what would change, and allows it", async () => {
    await terminal.type("corral run Hello; echo code $?");
    const screen = await terminal.shows(/answer \[1-3/);
    expect(screen).toContain("new file");
    expect(screen).toContain("+ # Hello from Corral");
    expect(screen).toMatch(/1 {2}Allow once\n/);
    await terminal.type("maybe");
    await terminal.shows(/"maybe" is none of them/);
    await terminal.type("1");
    await terminal.shows(/code 0/);
    expect(existsSync(join(home.work, "corral-hello.md"))).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
    expect(await terminal.painted()).toMatch(/\u001b\[3\dm/);
  });

  test("denies it, and nothing is written", async () => {
    await terminal.type("corral run Hello; echo code $?");
    await terminal.shows(/answer \[1-3/);
    await terminal.type("deny");
    await terminal.shows(/left your files as they are[\s\S]*code 0/);
    expect(existsSync(join(home.work, "corral-hello.md"))).toBe(false);
  });

  test("is asked on the terminal even when the prompt comes from a pipe and the answer goes to a file", async () => {
    await terminal.type("echo Hello | corral run - > answer.txt; echo code $?");
    await terminal.shows(/answer \[1-3/);
    await terminal.type("a");
    await terminal.shows(/code 0/);
    await terminal.type("cat answer.txt");
    await terminal.shows(/I wrote a greeting/);
  });

  test("fills in what an agent wants to know", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string", title: "Your name" }, age: { type: "integer" } },
    };
    await terminal.type(`corral run --story ${await story({ elicit: { message: "Who are you?", schema } })} Hello`);
    await terminal.shows(/Who are you\?[\s\S]*Your name:/);
    await terminal.type("Ada");
    await terminal.shows(/age:/);
    await terminal.type("36");
    await terminal.shows(/"age":36/);
  });

  test("is no longer asked when somebody else has answered", async () => {
    await home.serve();
    await terminal.type("corral run Hello; echo code $?");
    await terminal.shows(/answer \[1-3/);
    expect((await home.corral(["ask", "answer", "last", "allow"])).code).toBe(0);
    await terminal.shows(/code 0/);
  });

  test("leaves a question with Ctrl-C: the turn is cancelled, the code is 130", async () => {
    await terminal.type("corral run Hello; echo code $?");
    await terminal.shows(/answer \[1-3/);
    await terminal.press("C-c");
    await terminal.shows(/Cancelling the turn[\s\S]*code 130/);
    const { stdout } = await home.corral(["sessions", "ls", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject([{ lastTurn: { outcome: "cancelled" }, asks: [] }]);
  });

  test("leaves an agent that does not listen with a second Ctrl-C", async () => {
    await terminal.type(`corral run --story ${await story({ say: "busy" }, "hang")} Hello`);
    await terminal.shows(/busy/);
    await terminal.press("C-c");
    await terminal.shows(/again leaves at once/);
    await terminal.press("C-c");
    // It ends by the signal itself, at which a shell leaves the whole line.
    await terminal.type("echo code $?");
    await terminal.shows(/code 130/);
  });

  test("stops the daemon with Ctrl-C", async () => {
    await terminal.type("corral serve --port 0; echo code $?");
    await terminal.shows(/in another terminal/);
    await terminal.press("C-c");
    await terminal.shows(/Stopping \(SIGINT\)[\s\S]*code 0/);
  });

  test("NO_COLOR takes the colours away", async () => {
    await terminal.type("clear; NO_COLOR=1 corral run --allow Hello; echo code $?");
    await terminal.shows(/code 0/);
    expect(await terminal.painted()).not.toContain("\u001b[3");
  });
});
