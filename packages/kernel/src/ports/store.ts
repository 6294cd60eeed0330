/** The port of stores: ordered, durable text under named subjects. A store knows cursors and nothing of sessions. */
import type { Fault } from "@corral/protocol";

export interface Entry {
  /** Dense within its subject, starting at one. */
  readonly cursor: number;
  /** The wire JSON of one event, byte for byte as it was appended. */
  readonly text: string;
}

export interface Receipt {
  /** What a client named its request by; unique in the whole store. */
  readonly key: string;
  /** What the request was and what was answered. */
  readonly text: string;
  readonly at: string;
}

export interface Append {
  readonly subject: string;
  /**
   * The cursor of the last entry the writer knows; zero opens the subject, even without entries. Anything else there is
   * `store.conflict`.
   */
  readonly expected: number;
  /** May be empty when only a snapshot or a receipt is to be kept. */
  readonly entries: readonly string[];
  /** The fold of the log up to and with the last of these entries, kept beside the log to spare a reader the folding. */
  readonly snapshot?: string;
  /** Kept in the same transaction; a second receipt under one key is `store.conflict`. */
  readonly receipt?: Receipt;
  /**
   * Called once when they are written, before the append resolves: from here on the end of this process loses nothing of them,
   * while a power cut still may. Whoever reads the store may see them from then on. Never called for an append that is refused,
   * unless the store itself is lost.
   */
  readonly written?: (() => void) | undefined;
  /** Whoever asks can wait a moment longer: it may share its way to the disk with what is written next. */
  readonly patient?: boolean | undefined;
}

export interface Snapshot {
  readonly cursor: number;
  readonly text: string;
}

export interface Head {
  readonly subject: string;
  /** The first cursor that is still there (last + 1 when all was trimmed). */
  readonly first: number;
  readonly last: number;
  readonly snapshot?: Snapshot;
}

export interface Page {
  readonly items: readonly Entry[];
  readonly first: number;
  readonly last: number;
}

export interface Store extends AsyncDisposable {
  /**
   * Resolves with the reason when the store comes to an end that nobody asked for: it takes nothing any more, and whoever keeps
   * something in it has to leave.
   */
  readonly lost: Promise<Fault>;
  /**
   * Resolves with the new last cursor, and only when the entries would survive a power cut. All or nothing. Writes are taken in
   * the order in which they were asked for; an append sent behind a refused one of its subject, before the refusal was told, is
   * `store.conflict` whatever its cursor.
   */
  append(request: Append): Promise<number>;
  /**
   * Entries after a cursor, oldest first, at most `limit` of them and about `maxBytes` of text (always at least one when there
   * is one). A cursor before `first - 1` answers from `first`: the caller sees the hole by comparing. An unknown subject is an
   * empty page with first 1 and last 0.
   */
  read(subject: string, options: { after: number; limit: number; maxBytes?: number }): Promise<Page>;
  head(subject: string): Promise<Head | undefined>;
  /** Subjects in descending order of their names (of their UTF-8 bytes), those strictly below `below` when given. */
  subjects(options: { prefix?: string; below?: string; limit: number }): Promise<readonly Head[]>;
  receipt(key: string): Promise<Receipt | undefined>;
  /** Drops entries up to and with a cursor (never beyond the last). Cursors of the rest stay as they are. Idempotent. */
  trim(subject: string, upTo: number): Promise<void>;
  /** Drops a subject with its entries and its snapshot. Idempotent. Its receipts stay until they are forgotten by age. */
  remove(subject: string): Promise<void>;
  /** Drops receipts older than an ISO time; answers how many. */
  forgetReceipts(before: string): Promise<number>;
}
