/** Each house law catches what breaks it, and leaves alone what only looks like it. */
import { describe, expect, test } from "vitest";
import { type Law, report } from "./law.ts";
import { laws } from "./laws.ts";
import { looseVersions, placesNamedIn, unexplained } from "./places.ts";
import { functionsOf } from "./sizes.ts";
import { parseSource } from "./source.ts";
import { wordsOf } from "./words.ts";

interface Case {
  readonly law: string;
  /** Path and text of sources that break the law. */
  readonly caught: readonly (readonly [path: string, text: string])[];
  readonly fine: readonly (readonly [path: string, text: string])[];
}

const kernel = "packages/kernel/src/a.ts";
const inTest = "packages/kernel/src/a.test.ts";
const lines = (count: number): string => "f();\n".repeat(count);

const cases: readonly Case[] = [
  {
    law: "packages import each other one way only",
    caught: [
      [kernel, `import { x } from "@corral/daemon";`],
      [kernel, `import type { x } from "@corral/drivers/harness";`],
      [kernel, `export * from "@corral/cli";`],
      [kernel, `const x = await import("@corral/client");`],
      [kernel, `type X = import("@corral/doors").X;`],
      ["packages/daemon/src/a.ts", `import "@corral/drivers";`],
      ["packages/attic/src/a.ts", `import "@corral/protocol";`],
    ],
    fine: [
      [kernel, `import { x } from "@corral/protocol";`],
      [inTest, `import { x } from "@corral/drivers";`],
      ["packages/cli/src/a.ts", `import "@corral/proof";`],
      ["examples/a.ts", `import "@corral/client";`],
    ],
  },
  {
    law: "a relative import stays inside its package and names the file",
    caught: [
      [kernel, `import { x } from "../../protocol/src/ids.ts";`],
      ["scripts/a.ts", `import "../packages/kernel/src/a.ts";`],
      [kernel, `import { x } from "./b";`],
      [kernel, `import { x } from "./b.js";`],
    ],
    fine: [
      ["packages/kernel/src/log/a.ts", `import { x } from "../scope.ts";`],
      ["scripts/house/a.ts", `import "../verify.ts";`],
    ],
  },
  {
    law: "protocol and client import nothing of Node",
    caught: [
      ["packages/protocol/src/a.ts", `import { x } from "node:crypto";`],
      ["packages/client/src/a.ts", `await import("node:fs");`],
    ],
    fine: [
      [kernel, `import { x } from "node:crypto";`],
      ["packages/client/src/a.test.ts", `import { x } from "node:fs";`],
    ],
  },
  {
    law: "only the kernel's acp folder and tests know the ACP SDK",
    caught: [
      [kernel, `import type { x } from "@agentclientprotocol/sdk";`],
      ["packages/doors/src/acp/a.ts", `import type { x } from "@agentclientprotocol/sdk";`],
    ],
    fine: [
      ["packages/kernel/src/acp/a.ts", `import type { x } from "@agentclientprotocol/sdk";`],
      [inTest, `import { x } from "@agentclientprotocol/sdk";`],
    ],
  },
  {
    law: "only tests import the test runner",
    caught: [[kernel, `import { test } from "vitest";`]],
    fine: [
      ["packages/kernel/src/ports/a.conformance.ts", `import { test } from "vitest";`],
      [inTest, `import fc from "fast-check";`],
    ],
  },
  {
    law: "a test that draws by chance is not tried again, and says so",
    caught: [
      [inTest, `test("it", () => f(Math.random()));`],
      [inTest, `test("it", async () => expectProved(await runQuick(fuzz)));`],
      [inTest, `const seed = freshSeed(clock); test("it", { retry: 2 }, () => f(seed));`],
      [inTest, `test("it", { retry: 0 }, () => f(Math.random())); test("other", () => f(Math.random()));`],
      [inTest, `const draw = () => randomInt(9); test("it", { retry: 0 }, draw); test("other", draw);`],
      [inTest, `describe("all", { retry: 0 }, () => test("it", { retry: 2 }, () => f(Math.random())));`],
      [inTest, `test("it", () => f(Math.random(), { retry: 0 }));`],
      [inTest, `test.each(rows)("it", () => f(Math.random()));`],
    ],
    fine: [
      [inTest, `test("it", { retry: 0 }, () => f(Math.random()));`],
      [inTest, `test("it", { retry: 0 }, () => f(Math.random())); test("other", () => f(1));`],
      [inTest, `const seed = freshSeed(clock); test.each(rows)("it", { retry: 0 }, () => f(seed));`],
      [inTest, `describe("all", { retry: 0 }, () => test("it", () => f(Math.random())));`],
      [inTest, `test("it", () => fc.assert(property));`],
      ["packages/proof/src/context.fixture.ts", "freshSeed(clock);"],
    ],
  },
  {
    law: "a file has at most 400 lines, a test 600",
    caught: [
      [kernel, lines(401)],
      [inTest, lines(601)],
    ],
    fine: [
      [kernel, lines(400)],
      [inTest, lines(600)],
    ],
  },
  {
    law: "a function has at most 60 lines",
    caught: [
      [kernel, `function f() {\n${lines(59)}}`],
      [kernel, `const f = () => {\n${lines(59)}};`],
      [kernel, `class A { m() {\n${lines(59)}} }`],
      [inTest, `function f() {\n${lines(59)}}`],
    ],
    fine: [
      [kernel, `function f() {\n${lines(58)}}`],
      [inTest, `describe("it", () => {\ntest("so", () => f());\n${lines(59)}});`],
    ],
  },
  {
    law: "no name uses a word that says nothing",
    caught: [
      [kernel, "const sessionManager = 1;"],
      [kernel, "function parse(data: string) {}"],
      [kernel, "const { name: info } = it;"],
      [kernel, "const [helper, ...misc] = all;"],
      [kernel, "class OldV2 {}"],
      [kernel, "interface A { readonly payload: string }"],
      [kernel, "const a = { stringUtils: 1 };"],
      [kernel, `import { x as service } from "./b.ts";`],
      [kernel, `import * as utils from "./b.ts";`],
      [kernel, "type Controllers = 1;"],
      [kernel, "const sessionNew = 1;"],
      [kernel, "try { f(); } catch (data) { g(); }"],
      ["packages/kernel/src/log-utils.ts", ""],
    ],
    fine: [
      [kernel, `const newId = "data"; // manager`],
      [kernel, "const stop = new AbortController(); f(event.data, console.info);"],
      [kernel, "interface Event { readonly data: string; session_info_update: string }"],
      [kernel, "const { data } = event; const { data: text, info = 1 } = other;"],
      [kernel, "const business = processing(information, database);"],
      [kernel, `import { createManager } from "elsewhere";`],
    ],
  },
  {
    law: "nothing has the type any",
    caught: [
      [kernel, "const a: any = 1;"],
      [kernel, "const a = b as any;"],
      [inTest, "const a: readonly any[] = [];"],
    ],
    fine: [[kernel, `const any = "any"; // any`]],
  },
  {
    law: "nothing is asserted to be there, outside tests",
    caught: [[kernel, "const a = b!;"]],
    fine: [
      [inTest, "const a = b!;"],
      [kernel, "const a = !b;"],
    ],
  },
  {
    law: "every type can be erased",
    caught: [
      [kernel, "enum A { b }"],
      [kernel, "namespace A { export const b = 1; }"],
      [kernel, "class A { constructor(private readonly b: string) {} }"],
    ],
    fine: [
      [kernel, "class A { private readonly b = 1; }"],
      [kernel, 'declare module "b" { interface C { readonly d: string } }'],
    ],
  },
  {
    law: "time, chance and the environment come in through their doors only",
    caught: [
      [kernel, "Date.now();"],
      [kernel, "new Date();"],
      [kernel, "Date();"],
      [kernel, "Math.random();"],
      [kernel, "setTimeout(f, 1);"],
      [kernel, "const wait = setInterval;"],
      [kernel, "globalThis.setImmediate(f);"],
      [kernel, "f(process.env.HOME);"],
      [kernel, `f(process["env"].HOME);`],
      [kernel, "process.cwd();"],
      [kernel, "performance.now();"],
      [kernel, "const o = { setTimeout };"],
      [kernel, `import { setTimeout as sleep } from "node:timers/promises";`],
      [kernel, `import { env } from "node:process";`],
      [kernel, `import { randomUUID } from "node:crypto";`],
    ],
    fine: [
      [kernel, "new Date(clock.now()); Date.parse(text); clock.setTimeout(f); process.pid;"],
      [kernel, `import { createHash } from "node:crypto";`],
      [kernel, "const doors = { setTimeout: clock.after };"],
      [inTest, "Date.now();"],
      ["packages/kernel/src/ports/clock.system.ts", "Date.now(); setTimeout(f, 1);"],
      ["packages/cli/src/config.ts", "f(process.env);"],
      ["packages/drivers/src/scripted/program.ts", "f(process.env);"],
    ],
  },
  {
    law: "nothing writes process.env, tests neither (AR-01, AR-03)",
    caught: [
      [inTest, `process.env.KEY = "x";`],
      [inTest, `process.env[name] = "x";`],
      [inTest, `process.env["KEY"] ??= "x";`],
      [inTest, "process.env = {};"],
      [inTest, "delete process.env.KEY;"],
      [inTest, "Object.assign(process.env, more);"],
      [inTest, `globalThis.process.env.KEY = "x";`],
      [inTest, `const env = process.env; env.KEY = "x";`],
      [inTest, `const { env } = process; Object.assign(env, more);`],
      [inTest, `import { env } from "node:process"; delete env.KEY;`],
      [inTest, `vi.stubEnv("KEY", "x");`],
      ["packages/cli/src/main.ts", `process.env.KEY = "x";`],
      ["packages/cli/src/main.ts", "process.loadEnvFile();"],
    ],
    fine: [
      [inTest, `const env = { ...process.env, KEY: "x" }; env.KEY = "y";`],
      [inTest, `Object.assign({}, process.env); f(process.env.KEY === "x");`],
    ],
  },
  {
    law: "a file opens with a sentence that says what it is for",
    caught: [
      [kernel, "const a = 1;"],
      [kernel, "// A line says what it is for.\nconst a = 1;"],
      [kernel, "/** The log */\nconst a = 1;"],
      [kernel, "const a = 1;\n/** A file that opens too late. */"],
    ],
    fine: [
      [kernel, "/** The log of one session. */\nconst a = 1;"],
      [kernel, "#!/usr/bin/env node\n/**\n * The log of\n * one session.\n */\nconst a = 1;"],
    ],
  },
  {
    law: "file names are kebab-case",
    caught: [
      ["packages/kernel/src/eventLog.ts", ""],
      ["packages/kernel/src/Event.ts", ""],
      ["packages/kernel/src/event_log.ts", ""],
    ],
    fine: [["packages/kernel/src/ports/event-log.reference.ts", ""]],
  },
  {
    law: "only an index.ts passes on what another file exports",
    caught: [
      [kernel, `export * from "./b.ts";`],
      [kernel, `export { b } from "./b.ts";`],
      [kernel, `export type { B } from "./b.ts";`],
      [kernel, `import { b } from "./b.ts"; export { b };`],
    ],
    fine: [
      ["packages/kernel/src/index.ts", `export * from "./b.ts";`],
      [kernel, `const b = 1; export { b };`],
    ],
  },
  {
    law: "exports have names",
    caught: [[kernel, "export default 1;"]],
    fine: [[kernel, "export const a = 1;"]],
  },
  {
    law: "nothing is left for later",
    caught: [
      [kernel, `// ${"TO"}DO: later`],
      [kernel, `// ${"FIX"}ME`],
      [kernel, `throw new Error("not ${"implemented"}");`],
    ],
    fine: [[kernel, "const mastodon = 1;"]],
  },
  {
    law: "no error is swallowed without a reason beside it",
    caught: [
      [kernel, "f().catch(() => {});"],
      [kernel, "f().catch(() => undefined);"],
      [kernel, "f().then(g, () => null);"],
      [kernel, "f().catch(function () {});"],
      [kernel, "try { f(); } catch {}"],
    ],
    fine: [
      [kernel, "f().catch((error) => log(error));"],
      [kernel, "// The peer is gone; its end was told already.\nf().catch(() => {});"],
      [kernel, "try {\n  f();\n} catch {\n  // It was removed before us.\n}"],
    ],
  },
];

const lawNamed = (says: string): Law => laws.find((law) => law.says === says)!;

describe.each(cases)("$law", ({ law, caught, fine }) => {
  test.each(caught)("it catches, in %s: %s", (path, text) => {
    expect(lawNamed(law).find(parseSource(path, text))).not.toHaveLength(0);
  });

  test.each(fine)("it leaves alone, in %s: %s", (path, text) => {
    expect(report(lawNamed(law).find(parseSource(path, text)))).toBe("");
  });
});

test("every law has a case that it catches", () => {
  expect(cases.map(({ law }) => law).sort()).toEqual(laws.map(({ says }) => says).sort());
});

test("a finding names the file and the line", () => {
  const findings = lawNamed("exports have names").find(parseSource(kernel, "const a = 1;\n\nexport default a;"));
  expect(report(findings)).toBe(`${kernel}:3 a default export`);
});

test("a name is cut into its words at capitals, digits kept", () => {
  expect(wordsOf("parseJSONDataV2")).toEqual(["parse", "json", "data", "v2"]);
});

test("callbacks are not counted as functions of their own", () => {
  const source = parseSource(kernel, "const f = () => {\n  g(() => 1);\n};\nfunction h() {}");
  expect(
    functionsOf(source)
      .filter(({ named }) => named)
      .map((one) => one.lines),
  ).toEqual([3, 1]);
});

test("a place that only one machine has is caught in any file", () => {
  const places = [
    `/${"work"}/here`,
    `see /${"root"}/x`,
    `"/home/${"jane"}/x"`,
    `/Users/${"jane"}/x`,
    `registry.${"npmjs"}.org`,
    `"resolved": "${"https"}://x"`,
  ];
  for (const text of places) expect(placesNamedIn({ path: "a.md", text }), text).toHaveLength(1);
  const fine = "/home/user/project ./work/ ~/work/ /tmp/work/a registry.test.ts $HOME/work/ https://x.org/work/";
  expect(placesNamedIn({ path: "a.md", text: fine })).toEqual([]);
});

test("a loose version is caught", () => {
  const manifest = { path: "package.json", dependencies: { a: "^1.0.0", b: "1.0.0" }, devDependencies: { c: "*" } };
  expect(looseVersions(manifest)).toHaveLength(2);
});

test("a dependency without a decision is caught", () => {
  const manifest = { path: "package.json", dependencies: { zod: "1.0.0", left: "1.0.0" }, devDependencies: {} };
  const found = unexplained(manifest, [{ path: "decisions/0001.md", text: "We use `zod`." }]);
  expect(report(found)).toBe("package.json:1 no decision says why we depend on left");
});
