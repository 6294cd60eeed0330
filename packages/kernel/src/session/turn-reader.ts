/** Reads single turns off a log, without reading all that was before them; the newest is known without reading. */
import type { SessionEvent, Turn, TurnId } from "@corral/protocol";
import type { Log } from "../log/log.ts";
import { foldTurn, readTurn } from "./history.ts";
import { createRecall } from "./recall.ts";
import { sessionMissing } from "./refusals.ts";

export interface TurnReader {
  /** Tells where a turn begins. */
  begins(turn: Pick<Turn, "id" | "cursor">): void;
  /** Tells of events that are on the disk now. */
  hear(events: readonly SessionEvent[]): void;
  read(turn: TurnId): Promise<Turn>;
}

/** Of so many turns it is remembered where they begin; an older one is looked for from the beginning of the log. */
const knownTurns = 1_000;
/** A turn that says more is read off the log. */
const heldLetters = 64 * 1024;

export function createTurnReader(log: Log): TurnReader {
  const cursors = createRecall<TurnId, number>(knownTurns);
  const begins: TurnReader["begins"] = ({ id, cursor }) => cursors.set(id, cursor);
  let newest: Turn | undefined;
  return {
    begins,
    hear(events) {
      for (const event of events) {
        // Only one turn runs at a time; those that wait behind it are read when they are asked for.
        const follows = event.turn !== undefined && event.turn === newest?.id;
        if (follows || (event.type === "turn.queued" && newest?.state !== "running")) newest = foldTurn(newest, event);
      }
      if ((newest?.output?.length ?? 0) > heldLetters) newest = undefined;
    },
    async read(id) {
      if (newest?.id === id) return newest;
      try {
        const turn = await readTurn(log, id, (cursors.get(id) ?? 1) - 1);
        begins(turn);
        return turn;
      } catch (error) {
        throw log.ended === "session.removed" ? sessionMissing(log.subject) : error;
      }
    },
  };
}
