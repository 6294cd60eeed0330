/** The late answer to an ask that paused its turn: what is put on record, and the turn that goes on from there. */
import { type Answer, type Ask, type Draft, type EventBody, Fault } from "@corral/protocol";

export interface GoingOn {
  readonly reply: Draft;
  readonly queued: EventBody<"turn.queued">;
}

/** That one thing is allowed or denied in the turn that goes on, once. */
export function goOnWith(ask: Ask, answer: Answer): GoingOn {
  const decision = decisionOf(ask, answer);
  const outcome = decision === "allow" ? "accepted" : "declined";
  const kind = typeof ask.toolCall?.kind === "string" ? { kind: ask.toolCall.kind } : {};
  const text = `The question "${ask.title}" was answered: ${decision}. Go on from where you stopped.`;
  return {
    reply: { type: "turn.answered", turn: ask.turn, source: "person", data: { ask: ask.id, by: "person", outcome } },
    queued: {
      prompt: [{ type: "text", text }],
      continues: { ask: ask.id, decision, title: ask.title, ...kind },
    },
  };
}

function decisionOf(ask: Ask, answer: Answer): "allow" | "deny" {
  if ("decision" in answer) return answer.decision === "allow" ? "allow" : "deny";
  if ("content" in answer)
    throw new Fault("ask.answer", { detail: "The ask of a paused turn is answered with a decision." });
  const option = ask.options.find(({ optionId }) => optionId === answer.option);
  if (!option) throw new Fault("ask.answer", { detail: `The harness did not offer the option "${answer.option}".` });
  return option.kind.startsWith("allow") ? "allow" : "deny";
}
