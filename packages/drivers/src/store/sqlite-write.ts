/** Applies groups of writes to the SQLite file, each group as one transaction. */
import type { DatabaseSync } from "node:sqlite";
import type { Append, Receipt } from "@corral/kernel";
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

const conflict = (detail: string, more: Readonly<Record<string, unknown>>): FaultRecord => ({
  code: "store.conflict",
  detail,
  help: "Read what is there, then append after it.",
  more,
});

export interface Writer {
  apply(group: readonly Write[]): readonly Answer[];
}

export function createWriter(db: DatabaseSync): Writer {
  const sql = prepareAll(db);
  const rows = new Map<string, Row>();
  const moved = new Set<Row>();

  function find(name: string): Row | undefined {
    const known = rows.get(name);
    if (known) return known;
    const found = sql.find.get(name);
    if (!found) return undefined;
    const row = { id: Number(found.id), first: Number(found.first), last: Number(found.last) };
    rows.set(name, row);
    return row;
  }

  function open(name: string): Row {
    const row = { id: Number(sql.open.run(name).lastInsertRowid), first: 1, last: 0 };
    rows.set(name, row);
    return row;
  }

  const isKept = ({ key }: Receipt): boolean => sql.hasReceipt.get(key) !== undefined;

  /** Checks everything before it writes anything, so that a refusal leaves the others of its group alone. */
  function append({ subject, expected, entries, snapshot, receipt }: Append, refused: Set<string>): Answer {
    const found = find(subject);
    const last = found?.last ?? 0;
    if (refused.has(subject)) return conflict("An append before it was refused", { subject });
    if (expected !== last) return conflict(`${subject} is at ${last}, not at ${expected}`, { subject, expected, last });
    if (receipt && isKept(receipt)) {
      return conflict("Something was appended under this key before", { key: receipt.key });
    }
    const row = found ?? open(subject);
    for (const text of entries) sql.append.run(row.id, ++row.last, text);
    if (entries.length > 0) moved.add(row);
    if (snapshot !== undefined) sql.keepSnapshot.run(row.id, row.last, snapshot);
    if (receipt) sql.keepReceipt.run(receipt.key, receipt.text, receipt.at);
    return row.last;
  }

  function trim(name: string, upTo: number): Answer {
    const row = find(name);
    const last = Math.min(upTo, row?.last ?? 0);
    if (!row || last < row.first) return 0;
    sql.trim.run(row.id, last);
    row.first = last + 1;
    moved.add(row);
    return 0;
  }

  function remove(name: string): Answer {
    const row = find(name);
    if (!row) return 0;
    sql.dropEntries.run(row.id);
    sql.dropSnapshot.run(row.id);
    sql.dropSubject.run(row.id);
    rows.delete(name);
    moved.delete(row);
    return 0;
  }

  function write(one: Write, refused: Set<string>): Answer {
    if ("trim" in one) return trim(one.trim, one.upTo);
    if ("remove" in one) return remove(one.remove);
    if ("forgetBefore" in one) return Number(sql.forget.run(one.forgetBefore).changes);
    const answer = append(one, refused);
    if (typeof answer !== "number") refused.add(one.subject);
    return answer;
  }

  function commit(group: readonly Write[], refused: Set<string>): readonly Answer[] {
    if (rows.size > maxRemembered) rows.clear();
    sql.begin.run();
    try {
      const answers = group.map((one) => write(one, refused));
      for (const row of moved) sql.move.run(row.first, row.last, row.id);
      sql.commit.run();
      return answers;
    } catch (error) {
      rows.clear();
      // SQLite ends the transaction by itself on some errors, such as a full disk.
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    } finally {
      moved.clear();
    }
  }

  function commitAlone(one: Write, refused: Set<string>): Answer {
    try {
      return commit([one], refused)[0] ?? 0;
    } catch (error) {
      if ("subject" in one) refused.add(one.subject);
      return refusalOf(error);
    }
  }

  return {
    apply(group) {
      try {
        return commit(group, new Set());
      } catch {
        // The disk refused the group as a whole. One by one, only those are refused that it has no room for, each with its reason.
        const refused = new Set<string>();
        return group.map((one) => commitAlone(one, refused));
      }
    },
  };
}
