/** The questions of a session that are open: put on record, answered by a policy, a person or the clock, and never left hanging. */
import {
  type Answer,
  type Ask,
  type AskId,
  type AskOption,
  chooseOption,
  type Decision,
  type Draft,
  decide,
  type EventBody,
  Fault,
  type Grant,
  type TurnId,
} from "@corral/protocol";
import type { Question, Reply } from "../ports/harness.ts";
import { type Desk, newId, stateOf } from "./desk.ts";
import type { Stamp } from "./receipts.ts";

export interface AskingTurn {
  readonly id: TurnId;
  /** Whether it has not ended yet. */
  readonly open: boolean;
  /** Whether it was told to end: nobody is asked any more. */
  readonly stopping: boolean;
  /** A late answer that this turn was started with; it is good for one ask. */
  takeGrant(question: Question): Grant | undefined;
  /** Ends the turn as paused. */
  park(): void;
}

interface Waiting {
  readonly ask: Ask;
  readonly turn: AskingTurn;
  /** The harness's own: it takes its question back, or dies. */
  readonly signal: AbortSignal;
  readonly resolve: (reply: Reply) => void;
}

interface Open extends Waiting {
  readonly disarm: () => void;
}

type By = EventBody<"turn.answered">["by"];

const cancelled: Reply = { outcome: "cancelled" };

const kindOf = (toolCall: Question["toolCall"]): string | undefined =>
  typeof toolCall?.kind === "string" ? toolCall.kind : undefined;

/** A decision, as what the harness is told: an option of the right kind that it offered, or that the ask is cancelled. */
function replyTo(decision: "allow" | "deny", { kind, options }: Pick<Question, "kind" | "options">): Reply {
  if (kind === "elicitation") return { outcome: decision === "deny" ? "declined" : "cancelled" };
  const option = chooseOption(decision, options);
  return option ? { outcome: "selected", option } : cancelled;
}

const expiryReply = ({ onExpire, ...ask }: Ask): Reply =>
  onExpire === "allow" || onExpire === "deny" ? replyTo(onExpire, ask) : cancelled;

export class Asks {
  readonly #desk: Desk;
  readonly #open = new Map<AskId, Open>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  get waiting(): boolean {
    return this.#open.size > 0;
  }

  async ask(
    turn: AskingTurn | undefined,
    question: Question,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Reply> {
    if (!turn?.open || turn.stopping || signal.aborted) return cancelled;
    const ruling = this.#rule(turn, question);
    const draft = this.#asked(turn, question);
    if (ruling.decision !== "ask") {
      const reply = replyTo(ruling.decision, question);
      const answered = this.#answered(turn.id, draft.data.ask, { by: "policy", rule: ruling.rule, reply });
      await this.#desk.view.append([draft, answered]);
      return reply;
    }
    await this.#desk.view.append([draft]);
    return this.#wait(turn, draft.data.ask, signal);
  }

  /** Answers an open ask for a person. The caller holds the session's lane. An answer that cannot be kept was not given. */
  async answer(ask: Ask, answer: Answer, receipt: Stamp): Promise<void> {
    const reply = replyFor(ask, answer);
    const open = this.#take(ask.id);
    if (!open) throw new Fault("ask.settled", { detail: `${ask.id} was answered a moment ago.` });
    try {
      await this.#desk.view.append([this.#answered(ask.turn, ask.id, { by: "person", reply })], { receipt });
    } catch (error) {
      if (open.turn.open) this.#arm(open);
      else open.resolve(cancelled);
      throw error;
    }
    open.resolve(reply);
  }

  /** What has to be on record before a turn may end; the harness is told that its questions are cancelled. */
  endTurn(turn: TurnId): readonly Draft[] {
    for (const [id, open] of this.#open) if (open.turn.id === turn) this.#take(id)?.resolve(cancelled);
    const drafts: Draft[] = [];
    // An answer that is on its way to the disk was given.
    for (const ask of (this.#desk.view.ahead ?? stateOf(this.#desk)).asks) {
      if (ask.turn !== turn || ask.state !== "open") continue;
      drafts.push(this.#answered(turn, ask.id, { by: "cancel", reply: cancelled }));
    }
    return drafts;
  }

  /** Tells the harness that all its open questions are cancelled, as the protocol wants before a turn is cancelled. */
  async cancelAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.#settle(id, "cancel", cancelled)));
  }

  #rule(turn: AskingTurn, question: Question): { readonly decision: Decision; readonly rule: string } {
    if (question.kind === "elicitation") return { decision: "ask", rule: "elicitation" };
    const grant = turn.takeGrant(question);
    if (grant) return { decision: grant.decision, rule: `answer to ${grant.ask}` };
    const kind = kindOf(question.toolCall);
    return decide(stateOf(this.#desk).policy, { title: question.title, ...(kind ? { kind } : {}) });
  }

  #asked(turn: AskingTurn, question: Question): Extract<Draft, { type: "turn.asked" }> {
    const { clock } = this.#desk;
    const { deadlineMs, onExpire } = stateOf(this.#desk).policy;
    const { kind, title, toolCall, options, schema } = question;
    const body = {
      ask: newId(this.#desk, "ask"),
      kind,
      title,
      ...(toolCall ? { toolCall: { ...toolCall } } : {}),
      options: [...options],
      ...(schema ? { schema: { ...schema } } : {}),
      deadlineAt: new Date(clock.now() + deadlineMs).toISOString(),
      onExpire,
    };
    return { type: "turn.asked", turn: turn.id, source: "agent", data: body };
  }

  #answered(
    turn: TurnId,
    ask: AskId,
    {
      by,
      rule,
      reply,
      parked,
    }: { readonly by: By; readonly rule?: string; readonly reply: Reply; readonly parked?: boolean },
  ): Draft {
    const source = by === "person" ? ("person" as const) : ("daemon" as const);
    const body: EventBody<"turn.answered"> = {
      ask,
      by,
      ...(rule ? { rule } : {}),
      outcome: parked ? "parked" : reply.outcome,
      ...(reply.outcome === "selected" ? { option: { ...reply.option } } : {}),
      ...(reply.outcome === "accepted" ? { content: { ...reply.content } } : {}),
    };
    return { type: "turn.answered", turn, source, data: body };
  }

  #wait(turn: AskingTurn, id: AskId, signal: AbortSignal): Promise<Reply> {
    const ask = stateOf(this.#desk).asks.find((one) => one.id === id);
    // While the question was written down its turn may have ended, and the question with it.
    if (!ask || !turn.open) return Promise.resolve(cancelled);
    return new Promise((resolve) => this.#arm({ ask, turn, signal, resolve }));
  }

  /** Waits for a person, for the deadline, for the turn to be told to end, and for the harness to take its question back. */
  #arm(waiting: Waiting): void {
    const { ask, turn, signal } = waiting;
    const { clock, surprise } = this.#desk;
    const told = (settling: Promise<void>) =>
      settling.catch((error: unknown) => surprise(error, "an answer could not be written down"));
    const drop = () => void told(this.#settle(ask.id, "cancel", cancelled));
    const leftMs = Math.max(0, Date.parse(ask.deadlineAt) - clock.now());
    const takeBack = clock.after(leftMs, () => void told(this.#expire(ask)));
    signal.addEventListener("abort", drop, { once: true });
    const disarm = () => {
      takeBack();
      signal.removeEventListener("abort", drop);
    };
    this.#open.set(ask.id, { ...waiting, disarm });
    if (signal.aborted || turn.stopping) drop();
  }

  #expire(ask: Ask): Promise<void> {
    if (ask.onExpire !== "pause") return this.#settle(ask.id, "deadline", expiryReply(ask));
    return this.#settle(ask.id, "deadline", cancelled, { parked: true });
  }

  /** An answer that is not on record was not given: the harness then hears that its question is cancelled. */
  async #settle(id: AskId, by: By, reply: Reply, { parked = false } = {}): Promise<void> {
    const open = this.#take(id);
    if (!open) return;
    try {
      await this.#desk.view.append([this.#answered(open.ask.turn, id, { by, reply, parked })]);
    } catch (error) {
      open.resolve(cancelled);
      throw error;
    }
    if (parked) open.turn.park();
    open.resolve(reply);
  }

  /** Whoever takes an ask is the one who answers it. */
  #take(id: AskId): Open | undefined {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.disarm();
    return open;
  }
}

/** A person's answer, checked against what was asked. */
function replyFor(ask: Ask, answer: Answer): Reply {
  if ("content" in answer) {
    if (ask.kind === "elicitation") return { outcome: "accepted", content: answer.content };
    throw misfit("A permission is answered with a decision or an option, not with content.", ask.options);
  }
  if ("option" in answer) {
    const option = ask.options.find(({ optionId }) => optionId === answer.option);
    if (option) return { outcome: "selected", option };
    throw misfit(`The harness did not offer the option "${answer.option}".`, ask.options);
  }
  if (answer.decision === "cancel") return cancelled;
  const reply = replyTo(answer.decision, ask);
  if (answer.decision === "deny" || reply.outcome === "selected") return reply;
  if (ask.kind === "elicitation") throw misfit("An elicitation is allowed by giving its content.", ask.options);
  throw misfit("The harness offered no option that allows it.", ask.options);
}

const misfit = (detail: string, options: readonly AskOption[]): Fault =>
  new Fault("ask.answer", {
    detail,
    help:
      options.length > 0
        ? `The options are: ${options.map(({ optionId }) => optionId).join(", ")}.`
        : "Deny or cancel it.",
    more: { options },
  });
