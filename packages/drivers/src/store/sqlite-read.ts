/** Reads the SQLite file on a connection of its own, which never waits for the writer. */
import { DatabaseSync } from "node:sqlite";
import type { Entry, Head, Page, Receipt } from "@corral/kernel";

const headColumns = `
  SELECT name, first, last, snapshots.cursor, snapshots.text
  FROM subjects LEFT JOIN snapshots ON snapshots.subject_id = subjects.id`;

/** Sorts after every name that begins with the prefix: nothing is assigned beyond this code point. */
const endOf = (prefix: string): string => `${prefix}\u{10FFFF}`;

type Row = readonly unknown[];

function headOf([name, first, last, cursor, text]: Row): Head {
  return {
    subject: String(name),
    first: Number(first),
    last: Number(last),
    ...(text === null ? {} : { snapshot: { cursor: Number(cursor), text: String(text) } }),
  };
}

const entryOf = ([cursor, text]: Row): Entry => ({ cursor: Number(cursor), text: String(text) });

/** SQLite takes no infinite limit. */
const finite = (limit: number): number => Math.max(0, Math.min(Math.trunc(limit), Number.MAX_SAFE_INTEGER));

function takeBytes(rows: Iterable<Row>, maxBytes: number): Entry[] {
  const items: Entry[] = [];
  let bytes = 0;
  for (const row of rows) {
    const entry = entryOf(row);
    bytes += Buffer.byteLength(entry.text);
    if (bytes > maxBytes && items.length > 0) break;
    items.push(entry);
  }
  return items;
}

export interface Reader {
  read(subject: string, options: { after: number; limit: number; maxBytes?: number }): Page;
  head(subject: string): Head | undefined;
  subjects(options: { prefix?: string; below?: string; limit: number }): readonly Head[];
  receipt(key: string): Receipt | undefined;
  hasReceiptBefore(at: string): boolean;
  close(): void;
}

export function openReader(file: string): Reader {
  const db = new DatabaseSync(file, { readOnly: true, returnArrays: true, timeout: 5_000 });
  const rowsOf = (statement: string) => db.prepare(statement) as unknown as Rows;
  const begin = db.prepare("BEGIN");
  const end = db.prepare("COMMIT");
  const find = rowsOf("SELECT id, first, last FROM subjects WHERE name = ?");
  const page = rowsOf("SELECT cursor, text FROM entries WHERE subject_id = ? AND cursor > ? ORDER BY cursor LIMIT ?");
  const head = rowsOf(`${headColumns} WHERE name = ?`);
  const heads = rowsOf(`${headColumns} WHERE name >= ? AND name < ? AND name < ? ORDER BY name DESC LIMIT ?`);
  const receipt = rowsOf("SELECT key, text, at FROM receipts WHERE key = ?");
  const older = rowsOf("SELECT 1 FROM receipts WHERE at < ? LIMIT 1");

  /** Both statements of a page look at one moment, or the page could show a hole that is none. */
  function atOneMoment<T>(look: () => T): T {
    begin.run();
    try {
      return look();
    } finally {
      if (db.isTransaction) end.run();
    }
  }

  return {
    read: (subject, { after, limit, maxBytes }) =>
      atOneMoment(() => {
        const [id, first, last] = find.get(subject) ?? [];
        if (id === undefined) return { items: [], first: 1, last: 0 };
        const items =
          maxBytes === undefined
            ? page.all(id, after, finite(limit)).map(entryOf)
            : takeBytes(page.iterate(id, after, finite(limit)), maxBytes);
        return { items, first: Number(first), last: Number(last) };
      }),
    head(subject) {
      const row = head.get(subject);
      return row && headOf(row);
    },
    subjects: ({ prefix = "", below, limit }) =>
      heads.all(prefix, endOf(prefix), below ?? endOf(prefix), finite(limit)).map(headOf),
    receipt(key) {
      const row = receipt.get(key);
      return row && { key: String(row[0]), text: String(row[1]), at: String(row[2]) };
    },
    hasReceiptBefore: (at) => older.get(at) !== undefined,
    close: () => db.close(),
  };
}

/** A statement of a connection that answers with arrays; the published types know only objects. */
interface Rows {
  get(...values: readonly unknown[]): Row | undefined;
  all(...values: readonly unknown[]): readonly Row[];
  iterate(...values: readonly unknown[]): Iterable<Row>;
}
