/** Applies groups of writes to the SQLite file, each group as one transaction. */
import type { DatabaseSync } from "node:sqlite";
import type { Append } from "@corral/kernel";
import type { FaultRecord } from "@corral/protocol";
import { refusalOf } from "./sqlite-faults.ts";
import type { Answer, Write } from "./sqlite-wire.ts";

/** A row of subjects; while a group is applied it may be ahead of the file. */
interface Row {
  readonly id: number;
  first: number;
  last: number;
}

/** Enough for every session that is alive at once; beyond it we forget all and look up again. */
const maxRemembered = 10_000;

const prepareAll = (db: DatabaseSync) => ({
  begin: db.prepare("BEGIN IMMEDIATE"),
  version: db.prepare("PRAGMA data_version"),
  commit: db.prepare("COMMIT"),
  find: db.prepare("SELECT id, first, last FROM subjects WHERE name = ?"),
  open: db.prepare("INSERT INTO subjects (name, first, last) VALUES (?, 1, 0)"),
  move: db.prepare("UPDATE subjects SET first = ?, last = ? WHERE id = ?"),
  append: db.prepare("INSERT INTO entries (subject_id, cursor, text) VALUES (?, ?, ?)"),
  keepSnapshot: db.prepare("INSERT OR REPLACE INTO snapshots (subject_id, cursor, text) VALUES (?, ?, ?)"),
  hasReceipt: db.prepare("SELECT 1 FROM receipts WHERE key = ?"),
  keepReceipt: db.prepare("INSERT INTO receipts (key, text, at) VALUES (?, ?, ?)"),
  forget: db.prepare("DELETE FROM receipts WHERE at < ?"),
  trim: db.prepare("DELETE FROM entries WHERE subject_id = ? AND cursor <= ?"),
  dropEntries: db.prepare("DELETE FROM entries WHERE subject_id = ?"),
  dropSnapshot: db.prepare("DELETE FROM snapshots WHERE subject_id = ?"),
  dropSubject: db.prepare("DELETE FROM subjects WHERE id = ?"),
});

type Statements = ReturnType<typeof prepareAll>;

const conflict = (detail: string, more: Readonly<Record<string, unknown>>): FaultRecord => ({
  code: "store.conflict",
  detail,
  help: "Read what is there, then append after it.",
  more,
});

/** The rows of subjects as the group at hand leaves them; the file gets each of them once, at the end of its group. */
class Rows {
  readonly #sql: Statements;
  readonly #known = new Map<string, Row>();
  readonly #moved = new Set<Row>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  find(name: string): Row | undefined {
    const known = this.#known.get(name);
    if (known) return known;
    const found = this.#sql.find.get(name);
    return found && this.#know(name, { id: Number(found.id), first: Number(found.first), last: Number(found.last) });
  }

  open(name: string): Row {
    return this.#know(name, { id: Number(this.#sql.open.run(name).lastInsertRowid), first: 1, last: 0 });
  }

  moved(row: Row): void {
    this.#moved.add(row);
  }

  drop(name: string, row: Row): void {
    this.#known.delete(name);
    this.#moved.delete(row);
  }

  /** Brings the file up to what is known here. */
  keep(): void {
    for (const { first, last, id } of this.#moved) this.#sql.move.run(first, last, id);
    this.#moved.clear();
    if (this.#known.size > maxRemembered) this.#known.clear();
  }

  /** After a rollback nothing that is known here is sure. */
  forget(): void {
    this.#moved.clear();
    this.#known.clear();
  }

  #know(name: string, row: Row): Row {
    this.#known.set(name, row);
    return row;
  }
}

export class Writer {
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  readonly #rows: Rows;
  /** Changes when another connection has written. */
  #version: unknown;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepareAll(db);
    this.#rows = new Rows(this.#sql);
  }

  apply(group: readonly Write[]): readonly Answer[] {
    try {
      return this.commit(group);
    } catch {
      // The disk refused the group as a whole. One by one, only those are refused that it has no room for, each with its reason.
      const refused = new Set<string>();
      return group.map((one) => this.#commitAlone(one, refused));
    }
  }

  /** The whole group or, with a throw, nothing of it. */
  commit(group: readonly Write[]): readonly Answer[] {
    return this.#commit(group, new Set());
  }

  #commit(group: readonly Write[], refused: Set<string>): readonly Answer[] {
    try {
      this.#sql.begin.run();
      this.#lookAround();
      const answers = group.map((one) => this.#write(one, refused));
      this.#rows.keep();
      this.#sql.commit.run();
      return answers;
    } catch (error) {
      this.#rows.forget();
      // SQLite ends the transaction by itself on some errors, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** There are two of us, one on each thread: what the other has written is not known here. */
  #lookAround(): void {
    const version = this.#sql.version.get()?.data_version;
    if (version !== this.#version) this.#rows.forget();
    this.#version = version;
  }

  #commitAlone(one: Write, refused: Set<string>): Answer {
    try {
      return this.#commit([one], refused)[0] ?? 0;
    } catch (error) {
      if ("subject" in one) refused.add(one.subject);
      return refusalOf(error);
    }
  }

  #write(one: Write, refused: Set<string>): Answer {
    if ("trim" in one) return this.#trim(one.trim, one.upTo);
    if ("remove" in one) return this.#remove(one.remove);
    if ("forgetBefore" in one) return Number(this.#sql.forget.run(one.forgetBefore).changes);
    const why = this.#refusal(one, refused);
    if (!why) return this.#append(one);
    refused.add(one.subject);
    return why;
  }

  /** Everything is checked before anything is written, so that a refusal leaves the others of its group alone. */
  #refusal({ subject, expected, receipt }: Append, refused: ReadonlySet<string>): FaultRecord | undefined {
    const last = this.#rows.find(subject)?.last ?? 0;
    if (refused.has(subject)) return conflict("An append before it was refused", { subject });
    if (expected !== last) return conflict(`${subject} is at ${last}, not at ${expected}`, { subject, expected, last });
    if (receipt && this.#sql.hasReceipt.get(receipt.key)) {
      return conflict("Something was appended under this key before", { key: receipt.key });
    }
    return undefined;
  }

  #append({ subject, entries, snapshot, receipt }: Append): number {
    const row = this.#rows.find(subject) ?? this.#rows.open(subject);
    for (const text of entries) this.#sql.append.run(row.id, ++row.last, text);
    if (entries.length > 0) this.#rows.moved(row);
    if (snapshot !== undefined) this.#sql.keepSnapshot.run(row.id, row.last, snapshot);
    if (receipt) this.#sql.keepReceipt.run(receipt.key, receipt.text, receipt.at);
    return row.last;
  }

  #trim(name: string, upTo: number): number {
    const row = this.#rows.find(name);
    const last = Math.min(upTo, row?.last ?? 0);
    if (!row || last < row.first) return 0;
    this.#sql.trim.run(row.id, last);
    row.first = last + 1;
    this.#rows.moved(row);
    return 0;
  }

  #remove(name: string): number {
    const row = this.#rows.find(name);
    if (!row) return 0;
    for (const drop of [this.#sql.dropEntries, this.#sql.dropSnapshot, this.#sql.dropSubject]) drop.run(row.id);
    this.#rows.drop(name, row);
    return 0;
  }
}
