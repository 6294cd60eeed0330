/** Steps that ask the client for something and wait for its answer. */
import { isRecord, type JsonObject } from "../json.ts";
import { codes, RpcError } from "../rpc-error.ts";
import { type Ending, filled, refused, type Scene } from "../scene.ts";
import type { Branches, Choice, StepArguments } from "../story-shape.ts";

/** Asks for permission; answers the branch of the story that comes next. */
export async function askPermission(
  scene: Scene,
  toolCall: JsonObject,
  options: readonly Choice[],
  { repeat = false } = {},
): Promise<keyof Branches> {
  const method = "session/request_permission";
  const answer = await scene
    .request(method, { sessionId: scene.session.id, toolCall, options }, { repeat })
    .catch((error: unknown) => Promise.reject(refused(method, error)));
  const outcome = isRecord(answer) && isRecord(answer.outcome) ? answer.outcome : {};
  if (outcome.outcome === "cancelled") return "cancelled";
  const chosen = options.find(({ optionId }) => optionId === outcome.optionId);
  if (chosen) return chosen.kind.startsWith("allow") ? "allowed" : "denied";
  throw new RpcError(codes.internal, `The client chose an option that was not offered: ${JSON.stringify(answer)}`);
}

export async function ask(scene: Scene, step: StepArguments["ask"]): Promise<Ending | undefined> {
  const toolCall = { toolCallId: scene.name("ask"), title: scene.fill(step.title), kind: "other", status: "pending" };
  return scene.play(step[await askPermission(scene, toolCall, step.options)]);
}

export async function elicit(scene: Scene, { message, schema }: StepArguments["elicit"]): Promise<void> {
  const method = "elicitation/create";
  const answer = await scene
    .request(method, {
      sessionId: scene.session.id,
      mode: "form",
      message: scene.fill(message),
      requestedSchema: schema,
    })
    .catch((error: unknown) => Promise.reject(refused(method, error)));
  const { action, content } = isRecord(answer) ? answer : {};
  const said =
    action === "accept" ? `You answered: ${JSON.stringify(content ?? {})}` : `You answered nothing: ${action}`;
  await scene.speak("agent_message_chunk", said);
}

/** Sends any request; what comes of it, a refusal too, is said as text. */
export async function call(scene: Scene, { method, params }: StepArguments["call"]): Promise<void> {
  const said = await scene.request(method, { sessionId: scene.session.id, ...filled(scene, params) }).then(
    (result) => `${method} answered: ${JSON.stringify(result)}`,
    (error: unknown) => {
      if (error instanceof RpcError) return `${method} was refused: ${error.code} ${error.message}`;
      throw error;
    },
  );
  await scene.speak("agent_message_chunk", said);
}
