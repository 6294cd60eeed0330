/** What a session says when it cannot do what it is asked, and the small readings of requests that lead there. */
import {
  type AskId,
  type Draft,
  type EventBody,
  Fault,
  isFault,
  type PatchSession,
  type Phase,
  type Session,
  type SessionVerb,
  type StreamEnd,
  type TurnId,
} from "@corral/protocol";

const given = <Some extends object>(some: Some) =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Some]?: NonNullable<Some[Key]>;
  };

/** What a patch changes of the settings; a policy is changed field by field. */
export function changesOf(
  { secrets, policy, model, mode, labels }: PatchSession,
  now: Pick<Session, "policy">,
): EventBody<"session.configured"> {
  return {
    ...(model ? { model } : {}),
    ...(mode ? { mode } : {}),
    ...(policy ? { policy: { ...now.policy, ...given(policy) } } : {}),
    ...(labels ? { labels } : {}),
    ...(secrets ? { secretNames: Object.keys(secrets) } : {}),
  };
}

export const cancelledInQueue = (turn: TurnId): Draft => ({
  type: "turn.ended",
  turn,
  source: "daemon",
  data: { outcome: "cancelled" },
});

export const sessionMissing = (id: string): Fault =>
  new Fault("session.missing", { detail: `There is no session ${id}.`, help: "See `corral sessions ls`." });

export const stopping = (): Fault =>
  new Fault("daemon.stopping", { detail: "The daemon is stopping.", help: "Try again when it is back." });

export const secretsLost = (names: readonly string[]): Fault =>
  new Fault("turn.secrets_lost", {
    detail: `The session was opened with ${names.join(", ")}, which only the last daemon knew.`,
    help: "Give the secrets again with PATCH /v1/sessions/{session}, then prompt.",
    more: { names },
  });

export const sessionClosed = (id: string): Fault =>
  new Fault("session.closed", { detail: `${id} was closed.`, help: "Fork it to go on." });

/** Why nothing is taken any more by a session that ends, or whose daemon does. */
export function leaving(id: string, reason: StreamEnd["reason"]): Fault {
  if (reason === "daemon.stopping") return stopping();
  return reason === "session.closed" ? sessionClosed(id) : sessionMissing(id);
}

/** The log of a session that is being removed is gone under the hands of whoever still wants something of it. */
export const comesTooLate = (error: unknown, id: string, ended: StreamEnd["reason"] | undefined): unknown =>
  ended === "session.removed" && isFault(error, "store.conflict") ? sessionMissing(id) : error;

export const wrongPhase = (phase: Phase, verb: SessionVerb): Fault =>
  new Fault("session.phase", { detail: `A session that is ${phase} does not take "${verb}".`, more: { phase } });

export const queueFull = (queued: number): Fault =>
  new Fault("session.queue_full", {
    detail: `${queued} prompts wait already.`,
    help: "Wait for a turn to end, or cancel one.",
    more: { queued },
  });

export const cannotSteer = (agent: string): Fault =>
  new Fault("agent.cannot", {
    detail: `The agent "${agent}" cannot be steered now.`,
    help: "Prompt instead: the prompt is queued behind the running turn.",
  });

export const noAnswer = (afterMs: number): Fault =>
  new Fault("harness.stalled", {
    detail: `The harness has not answered for ${afterMs} ms.`,
    help: "Cancel the running turn, or try again when it has ended.",
  });

export const askMissing = (session: string, ask: AskId): Fault =>
  new Fault("ask.missing", { detail: `${session} has no ask ${ask}.`, help: "See `corral ask ls`." });
