/** Says which living processes belong to which run: by mark, by session, by descent, and by having been seen before. */
import { isId, type RunId } from "@corral/protocol";
import type { Identity, ProcessEntry, ProcessTable } from "./proc-table.ts";

/** A child that we started ourselves; it leads its own session, whose number is its pid. */
export interface OwnedChild extends Identity {
  /** True once its end was collected: from then on its pid may name somebody else. */
  reaped(): boolean;
}

interface Claim {
  readonly run: RunId;
  /** The child through which it came, where that is known; a mark alone tells only the run. */
  readonly child?: OwnedChild;
}

/** The answer of one look at the table. */
export interface Claims {
  of(run: RunId): readonly ProcessEntry[];
  ofChild(child: OwnedChild): readonly ProcessEntry[];
  /** Runs of this owner that were not begun in this life. */
  former(): readonly RunId[];
}

export interface Ownership {
  begin(run: RunId): void;
  adopt(run: RunId, child: OwnedChild): void;
  forget(run: RunId): void;
  isOurs(run: RunId): boolean;
  claim(table: ProcessTable): Claims;
}

interface OwnershipNeed {
  readonly owner: string;
  /** The daemon itself; neither it nor its ancestors are ever claimed, whatever marks they carry. */
  readonly selfPid: number;
  /** Processes that the kernel itself counts to a run, where it does. */
  readonly members?: () => readonly (readonly [RunId, number])[];
}

interface Book {
  readonly run: RunId;
  /** Children whose session is still watched; the value says whether a look was taken since the child's end. */
  readonly children: Map<OwnedChild, { seenEnded: boolean }>;
}

/** Who keeps us alive: our own process and everyone above it. */
function lineage(table: ProcessTable, selfPid: number): ReadonlySet<number> {
  const line = new Set([0, 1, selfPid]);
  for (let entry = table.get(selfPid); entry && !line.has(entry.parent); entry = table.get(entry.parent)) {
    line.add(entry.parent);
  }
  return line;
}

/** Gives an unclaimed process the claim of its nearest claimed ancestor. */
function claimByDescent({ table, found, exempt }: Look): void {
  const settled = new Set<number>();
  const settle = (entry: ProcessEntry): Claim | undefined => {
    const own = found.get(entry.pid);
    if (own?.child || settled.has(entry.pid)) return own;
    settled.add(entry.pid);
    const parent = table.get(entry.parent);
    // A "parent" younger than its child has inherited a pid, not a child.
    if (!parent || exempt.has(parent.pid) || parent.startTicks > entry.startTicks) return own;
    const inherited = settle(parent);
    const claim = own && own.run !== inherited?.run ? own : (inherited ?? own);
    if (claim) found.set(entry.pid, claim);
    return claim;
  };
  for (const entry of table.values()) if (!exempt.has(entry.pid)) settle(entry);
}

type Books = ReadonlyMap<RunId, Book>;
type Known = ReadonlyMap<number, { readonly startTicks: number; readonly claim: Claim }>;

/** One look at the table, and what has been found in it so far. */
interface Look {
  readonly table: ProcessTable;
  readonly exempt: ReadonlySet<number>;
  readonly found: Map<number, Claim>;
  readonly books: Books;
}

function claimByMark({ marks }: ProcessEntry, owner: string, books: Books): Claim | undefined {
  if (marks.run === undefined || !isId("run", marks.run)) return undefined;
  const ours = marks.owner === owner || (marks.owner === undefined && books.has(marks.run));
  return ours ? { run: marks.run } : undefined;
}

function claimByMemory({ pid, startTicks }: ProcessEntry, known: Known): Claim | undefined {
  const before = known.get(pid);
  return before?.startTicks === startTicks ? before.claim : undefined;
}

function claimChildren({ table, found, books }: Look): void {
  for (const { run, children } of books.values()) {
    for (const child of children.keys()) {
      if (table.get(child.pid)?.startTicks === child.startTicks) found.set(child.pid, { run, child });
    }
  }
}

/** Which sessions have a member that we know otherwise, its leader or another. */
function vouchedSessions({ table, found, books }: Look): Map<number, Claim> {
  const vouched = new Map<number, Claim>();
  for (const [pid, { run }] of found) {
    const session = table.get(pid)?.session;
    const child = [...(books.get(run)?.children.keys() ?? [])].find((one) => one.pid === session);
    if (child) vouched.set(child.pid, { run, child });
  }
  return vouched;
}

/** In the first look after the end of a child its session is still its own; later it needs a member who vouches. */
function watchSessions(books: Books, vouched: Map<number, Claim>): void {
  for (const { run, children } of books.values()) {
    for (const [child, { seenEnded }] of children) {
      if (!child.reaped()) continue;
      if (!seenEnded) vouched.set(child.pid, { run, child });
      if (vouched.has(child.pid)) children.set(child, { seenEnded: true });
      else children.delete(child);
    }
  }
}

/**
 * A session's number is the pid of its leader and cannot be given out again while the session has a member. It is ours
 * while the leader lives, in the first look after its end, and as long as a member vouches whom we know otherwise.
 */
function claimBySession(look: Look): void {
  const vouched = vouchedSessions(look);
  watchSessions(look.books, vouched);
  const { table, found, exempt } = look;
  for (const entry of table.values()) {
    const claim = vouched.get(entry.session);
    const own = found.get(entry.pid);
    if (claim && !exempt.has(entry.pid) && (!own || (own.run === claim.run && !own.child))) {
      found.set(entry.pid, claim);
    }
  }
}

function remember({ table, found }: Look): Known {
  const pairs = [...found].flatMap(([pid, claim]) => {
    const entry = table.get(pid);
    return entry ? [[pid, { startTicks: entry.startTicks, claim }] as const] : [];
  });
  return new Map(pairs);
}

function claimsOf({ table, found, books }: Look): Claims {
  const those = (test: (claim: Claim) => boolean): readonly ProcessEntry[] =>
    [...found].filter(([, claim]) => test(claim)).flatMap(([pid]) => table.get(pid) ?? []);
  return {
    of: (run) => those((claim) => claim.run === run),
    ofChild: (child) => those((claim) => claim.child === child),
    former: () => [...new Set([...found.values()].map(({ run }) => run))].filter((run) => !books.has(run)),
  };
}

export function createOwnership({ owner, selfPid, members = () => [] }: OwnershipNeed): Ownership {
  const books = new Map<RunId, Book>();
  let known: Known = new Map();

  const claimDirectly = (look: Look): void => {
    const { table, found, exempt } = look;
    for (const [run, pid] of members()) if (table.has(pid)) found.set(pid, { run });
    for (const entry of table.values()) {
      const claim = claimByMemory(entry, known) ?? claimByMark(entry, owner, books);
      if (claim) found.set(entry.pid, claim);
    }
    claimChildren(look);
    for (const pid of exempt) found.delete(pid);
  };
  return {
    begin(run) {
      if (!books.has(run)) books.set(run, { run, children: new Map() });
    },
    adopt: (run, child) => void books.get(run)?.children.set(child, { seenEnded: false }),
    forget: (run) => void books.delete(run),
    isOurs: (run) => books.has(run),
    claim(table) {
      const look: Look = { table, exempt: lineage(table, selfPid), found: new Map(), books };
      claimDirectly(look);
      claimBySession(look);
      claimByDescent(look);
      known = remember(look);
      return claimsOf(look);
    },
  };
}
