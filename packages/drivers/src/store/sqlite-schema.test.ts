/** The SQLite store opens what every earlier schema wrote, and refuses what a later one wrote. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isFault } from "@corral/protocol";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "./sqlite.ts";
import { type Migration, migrate, migrations, newestSchema, schemaOf } from "./sqlite-schema.ts";

/** What a release of each schema would have left behind, by the number of the step that made room for it. */
const rows: Readonly<Record<number, string>> = {
  1: `INSERT INTO subjects (id, name, first, last) VALUES (1, 'a', 2, 3), (2, 'b', 1, 0);
      INSERT INTO entries (subject_id, cursor, text) VALUES (1, 2, 'two'), (1, 3, 'three')`,
  2: "INSERT INTO snapshots (subject_id, cursor, text) VALUES (1, 3, 'fold')",
  3: "INSERT INTO receipts (key, text, at) VALUES ('k', 'answer', '2026-01-01T00:00:00.000Z')",
};

async function stateDir(build: (db: DatabaseSync) => void): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const db = new DatabaseSync(join(dir, "corral.db"));
  build(db);
  db.close();
  return dir;
}

const look = <T>(dir: string, see: (db: DatabaseSync) => T): T => {
  const db = new DatabaseSync(join(dir, "corral.db"));
  try {
    return see(db);
  } finally {
    db.close();
  }
};

async function expectKept(dir: string, schema: number): Promise<void> {
  await using store = await openSqliteStore({ dir });
  const page = await store.read("a", { after: 0, limit: 9 });
  expect(page).toEqual({
    items: [
      { cursor: 2, text: "two" },
      { cursor: 3, text: "three" },
    ],
    first: 2,
    last: 3,
  });
  expect((await store.head("a"))?.snapshot).toEqual(schema < 2 ? undefined : { cursor: 3, text: "fold" });
  expect((await store.receipt("k"))?.text).toBe(schema < 3 ? undefined : "answer");
  expect(await store.head("b")).toEqual({ subject: "b", first: 1, last: 0 });
  const receipt = { key: "new", text: "", at: "2026-01-02T00:00:00.000Z" };
  expect(await store.append({ subject: "a", expected: 3, entries: ["four"], snapshot: "s", receipt })).toBe(4);
}

test("the steps are numbered from one without a hole", () => {
  expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, at) => at + 1));
});

test.each(migrations)(
  "a store of schema $number is brought up to date and keeps everything (FR-04)",
  async ({ number }) => {
    const steps = migrations.slice(0, number);
    const dir = await stateDir((db) => {
      migrate(db, steps);
      for (const step of steps) db.exec(rows[step.number]!);
    });
    expect(look(dir, schemaOf)).toBe(number);
    await expectKept(dir, number);
    expect(look(dir, schemaOf)).toBe(newestSchema);
  },
);

test("a store whose tables are there but whose schema was never noted is opened as it is (FR-04)", async () => {
  const dir = await stateDir((db) => {
    migrate(db);
    for (const fill of Object.values(rows)) db.exec(fill);
    db.exec("PRAGMA user_version = 0");
  });
  await expectKept(dir, newestSchema);
});

test("a step is applied whole or not at all, and applying all again changes nothing (FR-04)", async () => {
  const broken: Migration = { number: newestSchema + 1, sql: "CREATE TABLE half (x); CREATE TABLE subjects (y)" };
  const dir = await stateDir((db) => {
    migrate(db);
    expect(() => migrate(db, [...migrations, broken])).toThrow("already exists");
    expect(schemaOf(db)).toBe(newestSchema);
    const before = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all();
    expect(before.map(({ name }) => name)).not.toContain("half");
    migrate(db);
    expect(db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all()).toEqual(before);
  });
  expect(look(dir, schemaOf)).toBe(newestSchema);
});

test("a store that a newer release wrote is refused and left as it was (FR-04)", async () => {
  const dir = await stateDir((db) => {
    migrate(db);
    db.exec(`PRAGMA user_version = ${newestSchema + 1}`);
  });
  const refusal = await openSqliteStore({ dir }).catch((error: unknown) => error);
  expect(isFault(refusal, "store.newer") && refusal.help).toContain("later");
  expect(look(dir, schemaOf)).toBe(newestSchema + 1);
  expect(look(dir, (db) => db.prepare("PRAGMA journal_mode").get())).toEqual({ journal_mode: "delete" });
});
