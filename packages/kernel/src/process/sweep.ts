/** Ends whatever carries the mark of a run and removes its files, until a look finds nothing. */
import { isClean, type RunId } from "@corral/protocol";
import { type Clock, sleep } from "../ports/clock.ts";
import type { Leaves } from "./cgroup.ts";
import type { Claims, Ownership } from "./ownership.ts";
import { type ProcessEntry, signalProcess } from "./proc-table.ts";
import type { Residue } from "./process.ts";
import { describeResidue, joinResidue } from "./residue.ts";
import type { RollCall } from "./roll-call.ts";
import type { RunFolders } from "./run-folders.ts";
import { allGone, heldOpen } from "./waiting.ts";

export interface SweepNeed {
  readonly clock: Clock;
  readonly rollCall: RollCall<Claims>;
  readonly ownership: Ownership;
  readonly folders: RunFolders;
  readonly leaves: Leaves | undefined;
}

interface KillNeed {
  readonly which: (claims: Claims) => readonly ProcessEntry[];
  readonly limitMs: number;
  readonly onFound?: (entries: readonly ProcessEntry[]) => void;
}

/** In the middle of its exec a process has no marks to be seen; whoever was born of a victim is looked for once more. */
const birthMs = 25;

/** Kills, looks again, and so on until a look finds nobody; answers false when some outlast the limit. */
export async function killAll(
  { clock, rollCall }: Pick<SweepNeed, "clock" | "rollCall">,
  { which, limitMs, onFound }: KillNeed,
): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + limitMs;
  for (let sure = true; ; ) {
    const entries = which(await rollCall.next());
    if (entries.length === 0 && sure) return true;
    onFound?.(entries);
    for (const entry of entries) signalProcess(entry, "SIGKILL");
    if (!(await allGone(clock, entries, deadlineMs)) || clock.monotonicMs() >= deadlineMs) return false;
    sure = entries.length === 0;
    if (sure) await sleep(clock, birthMs);
  }
}

export interface SweepOptions {
  readonly limitMs: number;
  /** Read when the processes are gone: by then it is known how they ended. */
  readonly keepStderr: () => boolean | Promise<boolean>;
}

async function clearFolder(folders: RunFolders, run: RunId, keepStderr: boolean): Promise<void> {
  try {
    await folders.clear(run, { keepStderr });
  } catch {
    // A busy or foreign file must not keep the processes' end from being told; the next residue report names the directory.
  }
}

/** One sweep of one run; answers what it found, whether or not all of it could be ended. */
export function sweepRun(need: SweepNeed, run: RunId, { limitMs, keepStderr }: SweepOptions): Promise<Residue> {
  const { folders, ownership, leaves } = need;
  return heldOpen(async () => {
    let found = describeResidue(run, [], folders.temps(run));
    const gone = await killAll(need, {
      which: (claims) => claims.of(run),
      limitMs,
      onFound: (entries) => {
        found = joinResidue(found, describeResidue(run, entries, []));
      },
    });
    const keep = await keepStderr();
    await clearFolder(folders, run, keep);
    if (gone) {
      leaves?.remove(run);
      ownership.forget(run);
    }
    if (keep) await folders.prune(ownership.isOurs);
    return found;
  });
}

export interface FormerRuns {
  readonly runs: readonly RunId[];
  /** The look that found them. */
  readonly claims: Claims;
}

/** Everything that carries our owner's mark, lies in our folder or has a group of ours, without being of this life. */
export async function formerRuns({ rollCall, folders, ownership, leaves }: SweepNeed): Promise<FormerRuns> {
  const claims = await rollCall.next();
  const runs = new Set([...claims.former(), ...(await folders.runs()), ...(leaves?.runs() ?? [])]);
  return { runs: [...runs].filter((run) => !ownership.isOurs(run)), claims };
}

export const worthTelling = (residues: readonly Residue[]): readonly Residue[] =>
  residues.filter((residue) => !isClean(residue));
