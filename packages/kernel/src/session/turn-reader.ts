/** Reads single turns off a log, without reading all that was before them. */
import type { Turn, TurnId } from "@corral/protocol";
import type { Log } from "../log/log.ts";
import { readTurn } from "./history.ts";
import { createRecall } from "./recall.ts";
import { sessionMissing } from "./refusals.ts";

export interface TurnReader {
  /** Tells where a turn begins. */
  begins(turn: Pick<Turn, "id" | "cursor">): void;
  read(turn: TurnId): Promise<Turn>;
}

/** Of so many turns it is remembered where they begin; an older one is looked for from the beginning of the log. */
const knownTurns = 1_000;

export function createTurnReader(log: Log): TurnReader {
  const cursors = createRecall<TurnId, number>(knownTurns);
  const begins: TurnReader["begins"] = ({ id, cursor }) => cursors.set(id, cursor);
  return {
    begins,
    async read(id) {
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
