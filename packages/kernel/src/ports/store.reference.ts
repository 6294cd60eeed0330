/** The smallest true store: everything in memory, gone with the process. */
import { Fault } from "@corral/protocol";
import type { Append, Entry, Head, Receipt, Snapshot, Store } from "./store.ts";

interface Subject {
  first: number;
  entries: string[];
  snapshot?: Snapshot;
}

interface Held {
  readonly subjects: Map<string, Subject>;
  readonly receipts: Map<string, Receipt>;
}

/** Names are ordered by their UTF-8 bytes, as databases do; JavaScript's own order differs beyond U+FFFF. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const lastOf = ({ first, entries }: Subject): number => first - 1 + entries.length;

const headOf = (subject: string, one: Subject): Head => ({
  subject,
  first: one.first,
  last: lastOf(one),
  ...(one.snapshot === undefined ? {} : { snapshot: one.snapshot }),
});

const conflict = (detail: string, more: Readonly<Record<string, unknown>>): Fault =>
  new Fault("store.conflict", { detail, help: "Read what is there, then append after it.", more });

function appendTo({ subjects, receipts }: Held, request: Append): number {
  const { subject, expected, entries, snapshot, receipt, written } = request;
  const one = subjects.get(subject) ?? { first: 1, entries: [] };
  const last = lastOf(one);
  if (expected !== last) {
    throw conflict(`${subject} is at ${last}, not at ${expected}`, { subject, expected, last });
  }
  if (receipt && receipts.has(receipt.key)) {
    throw conflict("Something was appended under this key before", { key: receipt.key });
  }
  one.entries.push(...entries);
  if (snapshot !== undefined) one.snapshot = { cursor: lastOf(one), text: snapshot };
  if (receipt) receipts.set(receipt.key, { ...receipt });
  subjects.set(subject, one);
  written?.();
  return lastOf(one);
}

function pageOf({ first, entries }: Subject, after: number, limit: number, maxBytes: number): Entry[] {
  const items: Entry[] = [];
  let bytes = 0;
  for (let at = Math.max(0, after - first + 1); at < entries.length && items.length < limit; at += 1) {
    const text = entries[at] ?? "";
    bytes += Buffer.byteLength(text);
    if (bytes > maxBytes && items.length > 0) break;
    items.push({ cursor: first + at, text });
  }
  return items;
}

function trimTo({ subjects }: Held, subject: string, upTo: number): void {
  const one = subjects.get(subject);
  if (!one) return;
  const dropped = Math.max(0, Math.min(upTo, lastOf(one)) - one.first + 1);
  one.entries.splice(0, dropped);
  one.first += dropped;
}

function forgetOlder({ receipts }: Held, before: string): number {
  const old = [...receipts.values()].filter(({ at }) => at < before);
  for (const { key } of old) receipts.delete(key);
  return old.length;
}

function headsOf({ subjects }: Held, prefix: string, below: string | undefined, limit: number): Head[] {
  return [...subjects]
    .filter(([name]) => name.startsWith(prefix) && (below === undefined || byBytes(name, below) < 0))
    .sort(([a], [b]) => byBytes(b, a))
    .slice(0, limit)
    .map(([name, one]) => headOf(name, one));
}

type Work = (refused: Set<string>) => void;

/** Runs what is asked of it in order, in groups; after a refused append whatever its writer sent behind it is refused too. */
function createTurns(): { take<T>(work: () => T, subject?: string): Promise<T>; close(): void } {
  let waiting: Work[] = [];
  let closed = false;
  const run = () => {
    const works = waiting;
    const refused = new Set<string>();
    waiting = [];
    for (const work of works) work(refused);
  };
  return {
    async take(work, subject) {
      if (closed) throw new Fault("store.closed", { detail: "The store was closed before this was asked of it" });
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof work>>>();
      if (waiting.length === 0) queueMicrotask(run);
      waiting.push((refused) => {
        try {
          if (subject !== undefined && refused.has(subject))
            throw conflict("An append before it was refused", { subject });
          resolve(work() as Awaited<ReturnType<typeof work>>);
        } catch (error) {
          if (subject !== undefined) refused.add(subject);
          reject(error);
        }
      });
      return promise;
    },
    close: () => {
      closed = true;
    },
  };
}

export function memoryStore(): Store {
  const held: Held = { subjects: new Map(), receipts: new Map() };
  const turns = createTurns();
  return {
    lost: Promise.withResolvers<Fault>().promise,
    append: (request) => turns.take(() => appendTo(held, request), request.subject),
    read: (subject, { after, limit, maxBytes = Number.POSITIVE_INFINITY }) =>
      turns.take(() => {
        const one = held.subjects.get(subject) ?? { first: 1, entries: [] };
        return { items: pageOf(one, after, limit, maxBytes), first: one.first, last: lastOf(one) };
      }),
    head: (subject) =>
      turns.take(() => {
        const one = held.subjects.get(subject);
        return one && headOf(subject, one);
      }),
    subjects: ({ prefix = "", below, limit }) => turns.take(() => headsOf(held, prefix, below, limit)),
    receipt: (key) => turns.take(() => held.receipts.get(key)),
    trim: (subject, upTo) => turns.take(() => trimTo(held, subject, upTo)),
    remove: (subject) => turns.take(() => void held.subjects.delete(subject)),
    forgetReceipts: (before) => turns.take(() => forgetOlder(held, before)),
    [Symbol.asyncDispose]: async () => turns.close(),
  };
}
