/** The tokens of a turn, read from a database as OpenCode keeps it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { usageFromDatabase } from "./usage-from-database.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(folder, { recursive: true }));

const table = `CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL,
  time_updated integer NOT NULL, data text NOT NULL)`;

function write(rows: readonly (readonly [atMs: number, row: object])[]): string {
  const path = join(folder, "opencode.db");
  const db = new DatabaseSync(path);
  db.exec(table);
  const insert = db.prepare("INSERT INTO message VALUES (?, 'ses', ?, ?, ?)");
  for (const [at, [atMs, row]] of rows.entries()) insert.run(`msg${at}`, atMs, atMs, JSON.stringify(row));
  db.close();
  return path;
}

const answer = (input: number, over: object = {}) => ({
  role: "assistant",
  tokens: { total: input + 242, input, output: 42, reasoning: 0, cache: { write: 0, read: 200 }, ...over },
});

const lastOnly = { stopReason: "end_turn", usage: { inputTokens: 910, outputTokens: 42 } };

test("the tokens of all answers since the prompt are counted, those of former prompts are not", async () => {
  const path = write([
    [999, answer(800)],
    [1000, { role: "user" }],
    [1001, answer(900)],
    [1002, answer(910, { reasoning: 12 })],
  ]);
  const { prompt, result } = usageFromDatabase({ clock: { now: () => 1000 }, path });
  prompt();
  expect(await result(lastOnly)).toEqual({
    stopReason: "end_turn",
    usage: { inputTokens: 1810, outputTokens: 84, totalTokens: 2306, cachedReadTokens: 400, thoughtTokens: 12 },
  });
});

test("what the harness says stands where its database says nothing, is none, or is not there", async () => {
  const nobody = join(folder, "nobody.txt");
  await writeFile(nobody, "this is no database");
  for (const path of [write([[999, answer(1)]]), nobody, join(folder, "missing.db")]) {
    const { prompt, result } = usageFromDatabase({ clock: { now: () => 1000 }, path });
    prompt();
    expect(await result(lastOnly)).toEqual(lastOnly);
  }
});
