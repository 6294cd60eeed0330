/** The store of a daemon: one SQLite file per state directory, written by a thread of its own, read from here. */
import { type Clock, type Store, systemClock } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { refusalOf } from "./sqlite-faults.ts";
import { takeStateFiles } from "./sqlite-files.ts";
import { type Link, openLink } from "./sqlite-link.ts";
import { openReader, type Reader } from "./sqlite-read.ts";

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
    const refusal = refusalOf(error);
    throw new Fault(refusal.code, { ...refusal, cause: error });
  }
}

function createStore(link: Link, reader: Reader, release: () => void): Store {
  let closing: Promise<void> | undefined;
  const ask = <T>(question: (reader: Reader) => T): Promise<T> =>
    closing
      ? Promise.reject(new Fault("store.closed", { detail: "The store was closed before this was asked of it" }))
      : look(() => question(reader));
  const close = async (): Promise<void> => {
    // The writer closes last, so that it can fold the write-ahead log into the file.
    reader.close();
    await link.close();
    release();
  };
  return {
    append: (request) => link.send(request),
    read: (subject, options) => ask((from) => from.read(subject, options)),
    head: (subject) => ask((from) => from.head(subject)),
    subjects: (options) => ask((from) => from.subjects(options)),
    receipt: (key) => ask((from) => from.receipt(key)),
    trim: async (subject, upTo) => void (await link.send({ trim: subject, upTo })),
    remove: async (subject) => void (await link.send({ remove: subject })),
    forgetReceipts: (before) => link.send({ forgetBefore: before }),
    [Symbol.asyncDispose]: () => {
      closing ??= close();
      return closing;
    },
  };
}

export async function openSqliteStore({ dir, clock = systemClock, maxBytes, workerUrl }: SqliteNeed): Promise<Store> {
  const { database, release } = takeStateFiles(dir);
  const url = workerUrl ?? new URL("./sqlite-worker.ts", import.meta.url);
  try {
    const link = await openLink(url, { file: database, ...(maxBytes === undefined ? {} : { maxBytes }) }, clock);
    try {
      return createStore(link, await look(() => openReader(database)), release);
    } catch (error) {
      await link.close();
      throw error;
    }
  } catch (error) {
    release();
    throw error;
  }
}
