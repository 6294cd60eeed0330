/** The help of every command, and how wrong calls are told. */
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, linesOf, openHome } from "./cli.fixture.ts";
import { createProgram } from "./program.ts";
import { shellOfProcess } from "./shell.ts";

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

const pathsOf = (command: Command, above: readonly string[] = []): readonly (readonly string[])[] =>
  command.commands.flatMap((inner) => {
    const path = [...above, inner.name()];
    return [path, ...pathsOf(inner, path)];
  });

const program = createProgram({ shell: shellOfProcess(), finish: () => undefined });
const commands = pathsOf(program);

describe("help", () => {
  test("a command that is called by its name is made alone, and is the same as among all", () => {
    for (const one of program.commands) {
      const stage = { shell: shellOfProcess(), finish: () => undefined };
      expect(createProgram(stage, one.name()).commands.map((alone) => alone.helpInformation())).toEqual([
        one.helpInformation(),
      ]);
    }
  });

  test("the commands are those that are promised", () => {
    expect(commands.map((path) => path.join(" "))).toEqual(
      expect.arrayContaining([
        ...["run", "serve", "sessions ls", "sessions show", "sessions tail", "sessions cancel", "sessions close"],
        ...["sessions rm", "ask ls", "ask answer", "ps", "agents", "demo", "doctor", "version"],
      ]),
    );
  });

  test.each(commands.map((path) => [path.join(" "), path] as const))(
    "%s has help with an example",
    async (name, path) => {
      const { code, stdout, stderr } = await home.corral([...path, "--help"]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(new RegExp(`^Usage: corral ${name}`));
      expect(stdout).toMatch(new RegExp(`Examples:\\n(.*\\n)*?.*corral ${name}`));
    },
  );

  test("without a word the whole help is shown", async () => {
    const { code, stdout } = await home.corral([]);
    expect(code).toBe(0);
    expect(stdout).toContain("corral demo");
  });
});

/** Examples that a person runs in another terminal, that take a while or that need a registry; their own tests run them. */
const elsewhere = /^corral (serve|demo|model-stub|proof|conformance|agents (un)?install)| -f |--story/;

/** In the order in which each finds what it names: what removes comes last. */
const rank = (line: string): number => {
  const last = ["answer", "cancel", "close", "rm"].findIndex((word) => line.includes(` ${word} `));
  return / run /.test(line) ? -1 : last + 1;
};

describe("examples", () => {
  test("every example of every help runs as it stands", { timeout: 180_000 }, async () => {
    const examples = commands.flatMap((path) => {
      let help = "";
      const command = path.reduce((above, name) => above.commands.find((one) => one.name() === name) ?? above, program);
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      return [...help.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = ""]) => line);
    });
    const lines = [...new Set(examples)].filter((line) => !elsewhere.test(line)).sort((a, b) => rank(a) - rank(b));
    expect(lines.length).toBeGreaterThan(15);
    await using place = await openHome();
    await place.serve();
    for (const line of lines) {
      // An ask waits for those that answer one.
      if (line.includes("ask answer")) expect((await place.corral(["run", "Hello"])).code).toBe(2);
      // Each removes or closes the newest session; there has to be one.
      if (/ (close|rm) /.test(line)) expect((await place.corral(["run", "-q", "--allow", "Hello"])).code).toBe(0);
      const { code, stderr } = await place.sh(line);
      // In a pipe nobody can be asked: a run that is not allowed everything is paused.
      const expected = / run /.test(line) ? [0, 2] : [0];
      expect(expected, `${line}\n${stderr}`).toContain(code);
    }
  });
});

describe("wrong calls", () => {
  test("an unknown command is told with what was probably meant", async () => {
    const { code, stdout, stderr } = await home.corral(["sesions"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("unknown command 'sesions'");
    expect(stderr).toContain("Did you mean sessions?");
  });

  test.each([
    [["run", "--alow", "x"], /unknown option '--alow'/],
    [["sessions", "show"], /missing required argument 'session'/],
    [["sessions", "tail", "-n", "many", "last"], /must be a whole number/],
    [["run"], /There is no prompt/],
    [["run", "--timeout", "soon", "x"], /"soon" is not a duration/],
    [["run", "--agent", "nobody", "x"], /agent\.missing/],
    [["run", "--cwd", "nowhere", "x"], /workspace\.missing/],
    [["sessions", "show", "mine"], /"mine" is not the id of a session/],
    [["ask", "answer", "last", "allow"], /ask\.missing/],
    [["sessions", "tail", "-f", "last"], /daemon\.unreachable/],
  ])("%j is told in three lines: what, why, what to do", async (args, pattern) => {
    const { code, stdout, stderr } = await home.corral(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(pattern);
    const lines = linesOf(stderr);
    expect(lines[0]).toMatch(/^corral: /);
    expect(lines.at(-1)).toMatch(/^ {2}do: {2}\S/);
    expect(lines.length).toBeLessThanOrEqual(3);
  });
});
