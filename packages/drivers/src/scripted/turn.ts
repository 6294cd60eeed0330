/** One prompt and everything until its one answer. */
import { isExpected } from "./expectation.ts";
import { type Message, promptsIn, type Shelf } from "./history.ts";
import type { JsonObject } from "./json.ts";
import { wordsOf } from "./params.ts";
import { codes, RpcError } from "./rpc-error.ts";
import { createScene, type Ending, type Scene } from "./scene.ts";
import type { Session } from "./session.ts";
import { play } from "./steps/play.ts";
import type { StoryTurn } from "./story-shape.ts";
import type { Answer } from "./wire.ts";

export type TurnNeed = Pick<Scene, "wire" | "machine" | "env" | "complain"> & { readonly shelf: Shelf };

/** Prompts of one session run one after the other; a cancellation reaches those that wait as well. */
export async function prompt(need: TurnNeed, session: Session, blocks: readonly JsonObject[]): Promise<Answer> {
  const abort = new AbortController();
  session.prompts.add(abort);
  const before = session.tail;
  const answer = before.then(() => run(need, session, blocks, abort.signal));
  session.tail = answer.then(ignore, ignore).then(() => void session.prompts.delete(abort));
  return answer;
}

const ignore = (): void => undefined; // What came of a turn is told to the one who asked for it, not to the next.

async function run(
  need: TurnNeed,
  session: Session,
  blocks: readonly JsonObject[],
  signal: AbortSignal,
): Promise<Answer> {
  if (signal.aborted) return { result: { stopReason: "cancelled" } };
  const words = wordsOf(blocks);
  const turn = nextTurn(session, words);
  const message: Message = { role: "user", messageId: need.machine.newId(), blocks };
  session.messages.push(message);
  session.steering.length = 0;
  await need.shelf.keep(session);
  const scene = createScene({ ...need, session, signal, prompt: words }, play);
  try {
    const ending = await endOf(scene, turn);
    if ("error" in ending) throw ending.error;
    return answerOf(scene, ending.stop);
  } finally {
    await need.shelf.keep(session);
  }
}

function nextTurn({ story, messages }: Session, words: string): StoryTurn {
  const turn = story.turns[Math.min(promptsIn(messages), story.turns.length - 1)] ?? { steps: [] };
  if (turn.expect === undefined || isExpected(turn.expect, words)) return turn;
  throw new RpcError(
    codes.invalidParams,
    `The story '${story.name}' expected a prompt with '${turn.expect}', not '${words}'`,
  );
}

async function endOf(scene: Scene, turn: StoryTurn): Promise<Ending> {
  try {
    const ending = await scene.play(turn.steps);
    scene.signal.throwIfAborted();
    return ending ?? { stop: "end_turn" };
  } catch (error) {
    return scene.signal.aborted ? { stop: "cancelled" } : { error: RpcError.from(error) };
  }
}

const answerOf = ({ tally }: Scene, stopReason: string): Answer => ({
  result: { stopReason, ...(tally.usage ? { usage: tally.usage } : {}) },
  times: tally.answers,
  afterwards: () => {
    for (const each of tally.afterwards) each();
  },
});
