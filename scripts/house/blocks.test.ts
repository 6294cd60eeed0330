/** The machinery that runs documents: blocks share a shell, expectations hold, and a failure says where it is. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canRun, runBlock } from "./blocks.ts";
import { fencesOf, linksOf, missingLine, runnablesOf } from "./markdown.ts";
import { openStage } from "./stage.ts";

const fence = "```";
const block = (title: string, body: string): string => `${fence}${title}\n${body}\n${fence}\n`;

describe("reading a document", () => {
  test("blocks are found with their language, their words and their line", () => {
    const text = `# A\n\n${block("sh run", "echo 1")}\n${block("", "plain")}`;
    expect(fencesOf(text).map(({ line, language, words }) => [line, language, ...words])).toEqual([
      [3, "sh", "run"],
      [7, ""],
    ]);
  });

  test("a block inside a longer fence is text, and an indented block loses its indent", () => {
    const text = `${fence}${"`"}md\n${block("", "inner")}${fence}${"`"}\n1. one\n   ${fence}sh\n   a\n     b\n   ${fence}`;
    expect(fencesOf(text).map(({ language, text: body }) => [language, body])).toEqual([
      ["md", `${fence}\ninner\n${fence}`],
      ["sh", "a\n  b"],
    ]);
  });

  test("only blocks that say so run, and a text block directly below is what they print", () => {
    const text = `${block("sh", "rm -rf x")}${block("sh run", "a")}\n${block("text", "said")}${block("ts run", "b")}prose\n${block("text", "other")}`;
    expect(runnablesOf(text).map(({ text: body, expected }) => [body, expected])).toEqual([
      ["a", "said"],
      ["b", undefined],
    ]);
  });

  test("links are found in prose, not in code", () => {
    const text = `See [a](docs/a.md#part) and \`[b](b.md)\`.\n${block("md", "[c](c.md)")}\n[d]: d.md`;
    expect(linksOf(text).map(({ line, target }) => [line, target])).toEqual([
      [1, "docs/a.md#part"],
      [6, "d.md"],
    ]);
  });

  test("expected lines come in order, with anything for an ellipsis", () => {
    expect(missingLine("one\nses_12 opened\nthree", "ses_… opened\nthree")).toBeUndefined();
    expect(missingLine("three\none", "one\nthree")).toBe("three");
  });
});

describe("running a document", { timeout: 60_000 }, () => {
  test("what one sh block sets, the next one has", async () => {
    await using stage = await openStage();
    await stage.shell("cd / && word=kept");
    expect(await stage.shell(`echo "$word in $PWD"`)).toEqual({ code: 0, output: "kept in /\n" });
  });

  test("the first line that fails ends a block, and the next block starts afresh", async () => {
    await using stage = await openStage();
    const failed = await stage.shell("echo before\nfalse\necho behind");
    expect(failed).toEqual({ code: 1, output: "before\n" });
    expect((await stage.shell("echo again")).output).toBe("again\n");
  });

  test("a block that does not end is ended with all that it started", async () => {
    await using stage = await openStage();
    const { code } = await stage.shell("sleep 600 & echo $! > pid; wait", 1_000);
    expect(code).toBe("timeout");
    const pid = (await readFile(join(stage.folder, "pid"), "utf8")).trim();
    expect(await isGone(pid)).toBe(true);
  });

  test("a failure tells the document, the line, the block and what it printed", async () => {
    await using stage = await openStage();
    const run = runBlock(stage, "docs/a.md", { line: 7, language: "sh", text: "echo so; exit 3", expected: undefined });
    await expect(run).rejects.toThrow(/docs\/a\.md:7 ended with 3[\s\S]*echo so; exit 3[\s\S]*It printed:\nso/);
  });

  test("a block that prints something else than the document says fails", async () => {
    await using stage = await openStage();
    const run = runBlock(stage, "a.md", { line: 1, language: "sh", text: "echo one", expected: "two" });
    await expect(run).rejects.toThrow('did not print the line "two"');
  });

  test("a ts block imports the packages and sees where the daemon is", async () => {
    await using stage = await openStage();
    await writeFile(join(stage.folder, "server.ts"), serverText);
    stage.set("CORRAL_URL", await stage.serve("node", ["server.ts"]));
    const text = `import "@corral/protocol";\nconsole.log(await (await fetch(String(process.env.CORRAL_URL))).text());`;
    await runBlock(stage, "a.md", { line: 1, language: "ts", text, expected: "hello from …" });
  });

  test("a server that prints no address is told with what it said instead", async () => {
    await using stage = await openStage();
    await expect(stage.serve("sh", ["-c", "echo broken; exit 1"])).rejects.toThrow(/ended with 1\):\nbroken/);
  });

  test("the blocks have a home of their own and inherit nothing but the PATH", async () => {
    await using stage = await openStage();
    expect(Object.keys(stage.env).sort()).toEqual(["CORRAL_STATE", "HOME", "LANG", "PATH", "TMPDIR"]);
    expect((await stage.shell("command -v corral")).output).toBe(`${stage.folder}/.bin/corral\n`);
  });

  test("nothing is left when the stage is closed", async () => {
    const stage = await openStage();
    await writeFile(join(stage.folder, "server.ts"), serverText);
    const url = await stage.serve("node", ["server.ts"]);
    await stage[Symbol.asyncDispose]();
    await expect(fetch(url)).rejects.toThrow();
    expect(existsSync(stage.folder)).toBe(false);
  });

  test("only languages that have a runner run", () => {
    expect([canRun("sh"), canRun("ts"), canRun("toString")]).toEqual([true, true, false]);
  });
});

const serverText = `
import { createServer } from "node:http";
const server = createServer((_, answer) => answer.end("hello from the server"));
server.listen(0, "127.0.0.1", () => console.log(\`ready on http://127.0.0.1:\${server.address().port}\`));
`;

/** A killed process is gone when its row in the process table says so, zombies not counted. */
async function isGone(pid: string): Promise<boolean> {
  const row = `/proc/${pid}/stat`;
  for (let look = 0; look < 200; look++) {
    if (!existsSync(row) || /\) Z /.test(await readFile(row, "utf8"))) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
}
