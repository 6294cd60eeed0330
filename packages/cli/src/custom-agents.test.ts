/** Agents of the config file, from the command line: any command that speaks ACP, without code. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, openHome } from "./cli.fixture.ts";

const program = fileURLToPath(new URL("../../drivers/src/scripted/program.ts", import.meta.url));

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

const story = { turns: [{ steps: ["quote", "env"] }] };
const configured = async (agents: unknown): Promise<string> => home.write("corral.json", JSON.stringify({ agents }));
const mine = async (over: object = {}): Promise<object> => ({
  title: "My own agent",
  command: process.execPath,
  args: [program, "--story", await home.write("story.json", JSON.stringify(story))],
  env: { FLAVOUR: "vanilla" },
  secrets: ["MY_KEY"],
  ...over,
});

describe("an agent of the config file", () => {
  test("is run by its name, with its variables, its secrets and a home of its own", async () => {
    const config = await configured({ mine: await mine() });
    const args = ["run", "--config", config, "--agent", "mine", "--secret", "MY_KEY", "-q", "hello"];
    const { code, stdout, stderr } = await home.corral(args, { env: { MY_KEY: "sk-mine", OTHER_KEY: "sk-other" } });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("You said: hello");
    expect(stdout).toContain("vanilla");
    expect(stdout).not.toContain("sk-mine");
    expect(stdout).not.toContain("sk-other");
    expect(stdout).toMatch(/HOME.*sessions/);
  });

  test("stands in the list of agents", async () => {
    const config = await configured({ mine: await mine() });
    const { code, stdout } = await home.corral(["agents", "--config", config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/mine/);
  });

  test("that is not there fails its session and says which command it was", async () => {
    const config = await configured({ mine: { command: "./no-such-agent" } });
    const { code, stderr } = await home.corral(["run", "--config", config, "--agent", "mine", "hello"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("no-such-agent");
  });

  test.each([
    [{ mine: { args: [] } }, /agents\.mine\.command/],
    [{ mine: { command: "agent", secrets: ["NODE_OPTIONS"] } }, /agents\.mine\.secrets\[0\]: must not decide/],
    [{ mine: { command: "agent", model: "x" } }, /model/],
    [{ Mine: { command: "agent" } }, /lower-case letters, digits and dashes/],
    [{ scripted: { command: "agent" } }, /"scripted".* is built in/],
  ])("that is written wrongly is refused with its place in the file", async (agents, told) => {
    const { code, stderr } = await home.corral(["run", "--config", await configured(agents), "hello"]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(told);
  });
});
