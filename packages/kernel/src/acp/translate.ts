/** From the protocol's frames to the house's words: pure, and forgiving, since every harness bends the schema in its own way. */
import { type AskOption, askOptionSchema, Fault, readUsage, type SessionUpdate, type Usage } from "@corral/protocol";
import type { PromptResult, Question, Reply, Settings } from "../ports/harness.ts";
import { type Frame, frame, frames, isFrame, RpcError } from "./rpc.ts";

/** What `initialize` and the opening of a session told of a harness. */
export interface AgentCard {
  readonly name?: string;
  readonly version?: string;
  readonly loads: boolean;
  readonly resumes: boolean;
  readonly forks: boolean;
  readonly closes: boolean;
  readonly images: boolean;
  readonly steers: boolean;
}

const text = (thing: unknown): string | undefined => (typeof thing === "string" && thing !== "" ? thing : undefined);
const present = (thing: unknown): boolean => thing !== undefined && thing !== null && thing !== false;

export function readAgentCard(initialized: unknown): AgentCard {
  const { agentInfo, agentCapabilities, _meta } = frame(initialized);
  const can = frame(agentCapabilities);
  const session = frame(can.sessionCapabilities);
  const name = text(frame(agentInfo).name);
  const version = text(frame(agentInfo).version);
  return {
    ...(name ? { name } : {}),
    ...(version ? { version } : {}),
    loads: can.loadSession === true,
    resumes: present(session.resume),
    forks: present(session.fork),
    closes: present(session.close),
    images: frame(can.promptCapabilities).image === true,
    steers: frame(frame(_meta).steering).supported === true,
  };
}

export function readUpdate(params: unknown): { readonly native: string; readonly update: SessionUpdate } | undefined {
  const { sessionId, update } = frame(params);
  if (typeof sessionId !== "string" || !isFrame(update) || typeof update.sessionUpdate !== "string") return undefined;
  return { native: sessionId, update: update as SessionUpdate };
}

const readOptions = (options: unknown): readonly AskOption[] =>
  frames(options).flatMap((option) => {
    const parsed = askOptionSchema.safeParse(option);
    return parsed.success ? [parsed.data] : [];
  });

export function readPermission(params: unknown): Question {
  const { toolCall, options } = frame(params);
  const call = frame(toolCall);
  const title = text(call.title) ?? text(call.name) ?? text(call.kind) ?? "Use a tool";
  return { kind: "permission", title, toolCall: call, options: readOptions(options) };
}

export function readElicitation(params: unknown): Question {
  const { message, requestedSchema, url } = frame(params);
  const said = text(message) ?? "The agent has a question.";
  const schema = isFrame(requestedSchema) ? { schema: requestedSchema } : {};
  return { kind: "elicitation", title: text(url) ? `${said} (${url})` : said, options: [], ...schema };
}

export const permissionResult = (reply: Reply): Frame =>
  reply.outcome === "selected"
    ? { outcome: { outcome: "selected", optionId: reply.option.optionId } }
    : { outcome: { outcome: "cancelled" } };

export function elicitationResult(reply: Reply): Frame {
  if (reply.outcome === "accepted") return { action: "accept", content: reply.content };
  return { action: reply.outcome === "declined" ? "decline" : "cancel" };
}

/** Two shapes of usage are in use: a field of the result, and a quota in its `_meta`. */
export function readPromptResult(result: unknown): PromptResult {
  const { stopReason, usage, _meta } = frame(result);
  const counts: Usage | undefined = readUsage(usage) ?? readQuota(frame(frame(_meta).quota).token_count);
  return { stopReason: text(stopReason) ?? "end_turn", ...(counts ? { usage: counts } : {}) };
}

function readQuota(count: unknown): Usage | undefined {
  const { cachedInputTokens, reasoningOutputTokens, input_tokens, output_tokens, ...rest } = frame(count);
  return readUsage({
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    cachedReadTokens: cachedInputTokens,
    thoughtTokens: reasoningOutputTokens,
    ...rest,
  });
}

/** What an answer of `session/new`, `load`, `resume` or `fork` offers to choose from. */
export interface Choices {
  readonly configOptions: readonly Frame[];
  readonly modes?: Frame;
  readonly models?: Frame;
}

export function readChoices(opened: unknown): Choices {
  const { configOptions, modes, models } = frame(opened);
  return {
    configOptions: frames(configOptions),
    ...(isFrame(modes) ? { modes } : {}),
    ...(isFrame(models) ? { models } : {}),
  };
}

interface RpcCall {
  readonly method: string;
  readonly params: Frame;
}

/** The requests that bring a harness to the wanted settings; a value that it does not offer is refused before it is asked. */
export function settingCalls(native: string, choices: Choices, settings: Settings): readonly RpcCall[] {
  return (["mode", "model"] as const).flatMap((category) => {
    const wanted = settings[category];
    return wanted === undefined ? [] : [settingCall(native, choices, category, wanted)];
  });
}

function settingCall(native: string, choices: Choices, category: "mode" | "model", wanted: string): RpcCall {
  const option = choices.configOptions.find((one) => one.category === category || one.id === category);
  if (option) {
    offered(category, wanted, optionValues(option.options));
    return { method: "session/set_config_option", params: { sessionId: native, configId: option.id, value: wanted } };
  }
  const [list, idName] =
    category === "mode" ? [choices.modes?.availableModes, "modeId"] : [choices.models?.availableModels, "modelId"];
  const values = frames(list).flatMap((one) => text(one.id) ?? text(one.modelId) ?? []);
  offered(category, wanted, values);
  return { method: `session/set_${category}`, params: { sessionId: native, [idName]: wanted } };
}

/** Values stand in a flat list, or in groups of lists. */
const optionValues = (options: unknown): readonly string[] =>
  frames(options).flatMap((one) => text(one.value) ?? frames(one.options).flatMap((inner) => text(inner.value) ?? []));

function offered(category: string, wanted: string, values: readonly string[]): void {
  if (values.includes(wanted)) return;
  throw new Fault("agent.cannot", {
    detail: values.length > 0 ? `There is no ${category} "${wanted}".` : `The agent offers no choice of ${category}.`,
    ...(values.length > 0 ? { help: `Choose one of: ${values.join(", ")}.` } : {}),
    more: { offered: values },
  });
}

/** An error that the harness answered, as the fault that its turn ends with. */
export function refusal(error: unknown, method: string): unknown {
  if (!(error instanceof RpcError)) return error;
  return new Fault("harness.refused", {
    detail: error.message,
    help: "Look at the data of the fault and at the harness's own stderr; then prompt again.",
    more: { method, rpcCode: error.code, ...(error.data === undefined ? {} : { data: error.data }) },
    cause: error,
  });
}
