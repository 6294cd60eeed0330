/** The store of a daemon: one SQLite file per state directory, written by a thread of its own, read from here. */
import type { DatabaseSync } from "node:sqlite";
import { type Clock, type Store, systemClock } from "@corral/kernel";
import { Fault, isFault } from "@corral/protocol";
import { refusalOf } from "./sqlite-faults.ts";
import { takeStateFiles } from "./sqlite-files.ts";
import { closedFault, Link } from "./sqlite-link.ts";
import { createNear, type Near } from "./sqlite-near.ts";
import { openToWrite } from "./sqlite-open.ts";
import { openReader, type Reader } from "./sqlite-read.ts";
import { newestSchema, schemaOf } from "./sqlite-schema.ts";
import type { WorkerNeed } from "./sqlite-wire.ts";

export interface SqliteNeed {
  /** The state directory; made when it is not there, and closed to other users. */
  readonly dir: string;
  readonly clock?: Clock;
  /** The file grows to about this size and then refuses appends with `store.full`. */
  readonly maxBytes?: number;
  /** Where a bundle keeps the thread's program. */
  readonly workerUrl?: URL;
}

/** Reading happens at once, on this thread: a page takes less time than to post it from another. */
async function look<T>(ask: () => T): Promise<T> {
  try {
    return ask();
  } catch (error) {
    if (isFault(error)) throw error;
    const refusal = refusalOf(error);
    throw new Fault(refusal.code, { ...refusal, cause: error });
  }
}

interface Parts {
  readonly link: Link;
  readonly reader: Reader;
  readonly release: () => void;
}

function createStore({ link, reader, release }: Parts): Store {
  let closing: Promise<void> | undefined;
  const ask = <T>(question: (reader: Reader) => T): Promise<T> =>
    closing ? Promise.reject(closedFault()) : look(() => question(reader));
  const close = async (): Promise<void> => {
    // The writers close last: the last one of them folds the write-ahead log into the file.
    reader.close();
    await link.close();
    release();
  };
  return {
    lost: link.lost,
    append: ({ written, patient, ...request }) => link.send(request, { written, patient }),
    read: (subject, options) => ask((from) => from.read(subject, options)),
    head: (subject) => ask((from) => from.head(subject)),
    subjects: (options) => ask((from) => from.subjects(options)),
    receipt: (key) => ask((from) => from.receipt(key)),
    trim: async (subject, upTo) => void (await link.send({ trim: subject, upTo })),
    remove: async (subject) => void (await link.send({ remove: subject })),
    // Where there is nothing to forget, nobody is woken for it.
    forgetReceipts: async (before) =>
      (await ask((from) => from.hasReceiptBefore(before))) ? link.send({ forgetBefore: before }) : 0,
    [Symbol.asyncDispose]: () => {
      closing ??= close();
      return closing;
    },
  };
}

function refuseNewer(file: string): (db: DatabaseSync) => void {
  return (db) => {
    const schema = schemaOf(db);
    if (schema <= newestSchema) return;
    throw new Fault("store.newer", {
      detail: `${file} has schema ${schema}; this release knows schemas up to ${newestSchema}`,
      help: "Start the release that wrote it, or a later one; or choose another state directory.",
      more: { schema, newestSchema },
    });
  };
}

interface Ready {
  readonly reader: Reader;
  readonly near: Near;
}

/** Here and not in the thread: a daemon that nobody uses yet needs no thread, and is there sooner. */
function openReady(worker: WorkerNeed, clock: Clock): Ready {
  const db = openToWrite(worker, refuseNewer(worker.file));
  try {
    return { near: createNear({ db, file: worker.file, clock }), reader: openReader(worker.file) };
  } catch (error) {
    db.close();
    throw error;
  }
}

export async function openSqliteStore({ dir, clock = systemClock, maxBytes, workerUrl }: SqliteNeed): Promise<Store> {
  const { database, release } = takeStateFiles(dir);
  const url = workerUrl ?? new URL("./sqlite-worker.ts", import.meta.url);
  const worker = { file: database, ...(maxBytes === undefined ? {} : { maxBytes }) };
  try {
    const { reader, near } = await look(() => openReady(worker, clock));
    return createStore({ link: new Link({ url, worker, near, clock }), reader, release });
  } catch (error) {
    release();
    throw error;
  }
}
