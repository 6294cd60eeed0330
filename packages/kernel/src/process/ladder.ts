/** The steps by which a child is asked, told and made to end. */
import type { Clock } from "../ports/clock.ts";
import type { Launched } from "./child.ts";
import type { Claims } from "./ownership.ts";
import { hasProcessTable } from "./proc-table.ts";
import type { Ladder } from "./process.ts";
import type { RollCall } from "./roll-call.ts";
import { settlesWithin } from "./waiting.ts";

export const usualLadder: Ladder = { eofMs: 500, termMs: 2000, killMs: 2000 };

interface ClimbNeed {
  readonly clock: Clock;
  readonly rollCall: RollCall<Claims>;
  readonly child: Launched;
  readonly ladder: Ladder;
}

/**
 * Closed stdin, SIGTERM, SIGKILL; answers which step it took. A look at the table before each step that may end the child
 * notes who descends from it, for once it has ended its children have another parent.
 */
export async function climb({ clock, rollCall, child, ladder }: ClimbNeed): Promise<"ended" | "term" | "kill"> {
  if (child.reaped()) return "ended";
  if (!hasProcessTable()) child.takeGroupAlong();
  await rollCall.next();
  child.stdin.end();
  if (await settlesWithin(clock, child.ended, ladder.eofMs)) return "ended";
  await rollCall.next();
  child.signalGroup("SIGTERM");
  // A stopped program hears SIGTERM only when it goes on.
  child.signalGroup("SIGCONT");
  if (await settlesWithin(clock, child.ended, ladder.termMs)) return "term";
  await rollCall.next();
  child.signalGroup("SIGKILL");
  return "kill";
}
