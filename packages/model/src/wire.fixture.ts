/** Small clients of the four dialects for tests: they build requests and read answers without any code of the server. */

export interface Ask {
  readonly prompt: string;
  readonly model?: string;
  readonly stream?: boolean;
  /** What the person said before; each was answered with "Yes." */
  readonly before?: readonly string[];
  /** Tool results that came since the prompt. */
  readonly results?: readonly string[];
  readonly tools?: readonly { readonly name: string; readonly schema: object }[];
  readonly schema?: object;
}

export interface Heard {
  text: string;
  thinking: string;
  tools: { id: string; name: string; input: unknown }[];
  usage?: { input: number; cached: number; output: number; reasoning?: number };
  stop?: string;
  /** The stream said itself that it is at its end. */
  ended: boolean;
  error?: { code: unknown; message: string };
}

/** JSON in which every step may lead nowhere; what is found is read as a text, a number or a list. */
interface Json {
  readonly [key: string]: Json;
}

const text = (json: Json | undefined): string => (json ?? "") as unknown as string;
const number = (json: Json | undefined): number => (json ?? 0) as unknown as number;
const list = (json: Json | undefined): readonly Json[] => (json ?? []) as unknown as readonly Json[];
const first = (json: Json | undefined): Json | undefined => list(json)[0];
const parsed = (json: Json | undefined): unknown => JSON.parse(text(json));

export interface Wire {
  readonly path: (ask: Ask) => string;
  readonly body: (ask: Ask) => object;
  readonly key: (key: string) => Record<string, string>;
  readonly stops: { readonly end: string; readonly tool: string; readonly length: string };
  readonly whole: (json: Json) => Heard;
  readonly stream: (events: readonly { readonly event?: string; readonly json: Json }[]) => Heard;
  readonly error: (json: Json) => { code: unknown; message: string };
}

const silence = (): Heard => ({ text: "", thinking: "", tools: [], ended: false });

const chatUsage = (usage: Json) => ({
  input: number(usage.prompt_tokens),
  cached: number(usage.prompt_tokens_details?.cached_tokens),
  output: number(usage.completion_tokens),
  reasoning: number(usage.completion_tokens_details?.reasoning_tokens),
});

const chat: Wire = {
  path: () => "/v1/chat/completions",
  key: (key) => ({ authorization: `Bearer ${key}` }),
  stops: { end: "stop", tool: "tool_calls", length: "length" },
  body: ({ prompt, model = "m", stream, before = [], results = [], tools, schema }) => ({
    model,
    stream,
    messages: [
      { role: "system", content: "Be brief." },
      ...before.flatMap((content) => [
        { role: "user", content },
        { role: "assistant", content: "Yes." },
      ]),
      { role: "user", content: [{ type: "text", text: prompt }] },
      ...results.flatMap((content, at) => [
        {
          role: "assistant",
          tool_calls: [{ id: `c${at}`, type: "function", function: { name: "t", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: `c${at}`, content },
      ]),
    ],
    ...(tools && { tools: tools.map((t) => ({ type: "function", function: { name: t.name, parameters: t.schema } })) }),
    ...(schema && { response_format: { type: "json_schema", json_schema: { name: "s", schema } } }),
  }),
  whole: (json) => {
    const { message, finish_reason } = first(json.choices)!;
    return {
      text: text(message!.content),
      thinking: text(message!.reasoning_content),
      tools: list(message!.tool_calls).map(({ id, function: called }) => ({
        id: text(id),
        name: text(called!.name),
        input: parsed(called!.arguments),
      })),
      usage: chatUsage(json.usage!),
      stop: text(finish_reason),
      ended: true,
    };
  },
  stream: (events) => {
    const heard = silence();
    const inputs: string[] = [];
    for (const { json } of events) {
      if (text(json) === "[DONE]") heard.ended = true;
      if (json.error) heard.error = chat.error(json);
      if (json.usage) heard.usage = chatUsage(json.usage);
      const { delta, finish_reason } = first(json.choices) ?? {};
      heard.text += text(delta?.content);
      heard.thinking += text(delta?.reasoning_content);
      if (finish_reason) heard.stop = text(finish_reason);
      for (const call of list(delta?.tool_calls)) {
        const at = number(call.index);
        if (call.id) heard.tools[at] = { id: text(call.id), name: text(call.function!.name), input: undefined };
        inputs[at] = (inputs[at] ?? "") + text(call.function?.arguments);
      }
    }
    heard.tools.forEach((tool, at) => {
      tool.input = JSON.parse(inputs[at]!);
    });
    return heard;
  },
  error: ({ error }) => ({ code: error!.code, message: text(error!.message) }),
};

const responsesUsage = (usage: Json) => ({
  input: number(usage.input_tokens),
  cached: number(usage.input_tokens_details?.cached_tokens),
  output: number(usage.output_tokens),
  reasoning: number(usage.output_tokens_details?.reasoning_tokens),
});

const responses: Wire = {
  path: () => "/v1/responses",
  key: (key) => ({ authorization: `Bearer ${key}` }),
  stops: { end: "completed", tool: "completed", length: "incomplete" },
  body: ({ prompt, model = "m", stream, before = [], results = [], tools, schema }) => ({
    model,
    stream,
    instructions: "Be brief.",
    input: [
      { type: "message", role: "developer", content: [{ type: "input_text", text: "Rules" }] },
      ...before.flatMap((text) => [
        { type: "message", role: "user", content: [{ type: "input_text", text }] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Yes." }] },
      ]),
      { role: "user", content: prompt },
      ...results.flatMap((output, at) => [
        { type: "function_call", call_id: `c${at}`, name: "t", arguments: "{}" },
        { type: "function_call_output", call_id: `c${at}`, output },
      ]),
    ],
    ...(tools && { tools: tools.map((t) => ({ type: "function", name: t.name, parameters: t.schema })) }),
    ...(schema && { text: { format: { type: "json_schema", name: "s", schema } } }),
  }),
  whole: (json) => {
    const heard = silence();
    for (const item of list(json.output)) {
      if (text(item.type) === "message") heard.text += text(first(item.content)?.text);
      if (text(item.type) === "reasoning") heard.thinking += text(first(item.summary)?.text);
      if (text(item.type) === "function_call")
        heard.tools.push({ id: text(item.call_id), name: text(item.name), input: parsed(item.arguments) });
    }
    return { ...heard, usage: responsesUsage(json.usage!), stop: text(json.status), ended: true };
  },
  stream: (events) => {
    const heard = silence();
    const inputs = new Map<string, string>();
    for (const [at, { event, json }] of events.entries()) {
      if (text(json.type) !== event || number(json.sequence_number) !== at) throw new Error(`event ${at} is ${event}`);
      const id = text(json.item_id);
      if (event === "response.output_text.delta") heard.text += text(json.delta);
      if (event === "response.reasoning_summary_text.delta") heard.thinking += text(json.delta);
      if (event === "response.function_call_arguments.delta") inputs.set(id, (inputs.get(id) ?? "") + text(json.delta));
      if (event === "response.output_item.done" && text(json.item!.type) === "function_call") {
        const { call_id, name } = json.item!;
        heard.tools.push({ id: text(call_id), name: text(name), input: JSON.parse(inputs.get(text(json.item!.id))!) });
      }
      if (!/^response\.(completed|incomplete|failed)$/.test(event)) continue;
      heard.stop = text(json.response!.status);
      heard.ended = true;
      if (json.response!.error) heard.error = responses.error(json.response!);
      else heard.usage = responsesUsage(json.response!.usage!);
    }
    return heard;
  },
  error: ({ error }) => ({ code: error!.code, message: text(error!.message) }),
};

const messagesUsage = (usage: Json) => ({
  input: number(usage.input_tokens) + number(usage.cache_read_input_tokens),
  cached: number(usage.cache_read_input_tokens),
  output: number(usage.output_tokens),
});

const messages: Wire = {
  path: () => "/v1/messages",
  key: (key) => ({ "x-api-key": key }),
  stops: { end: "end_turn", tool: "tool_use", length: "max_tokens" },
  body: ({ prompt, model = "m", stream, before = [], results = [], tools, schema }) => ({
    model,
    stream,
    max_tokens: 1000,
    system: [{ type: "text", text: "Be brief." }],
    messages: [
      ...before.flatMap((content) => [
        { role: "user", content },
        { role: "assistant", content: [{ type: "text", text: "Yes." }] },
      ]),
      {
        role: "user",
        content: [
          { type: "text", text: "<reminder>HANG</reminder>" },
          { type: "text", text: prompt },
        ],
      },
      ...results.flatMap((text, at) => [
        { role: "assistant", content: [{ type: "tool_use", id: `c${at}`, name: "t", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: `c${at}`, content: [{ type: "text", text }] }] },
      ]),
    ],
    ...(tools && { tools: tools.map((t) => ({ name: t.name, input_schema: t.schema })) }),
    ...(schema && { output_config: { format: { type: "json_schema", schema } } }),
  }),
  whole: (json) => {
    const heard = silence();
    for (const block of list(json.content)) {
      heard.text += text(block.text);
      heard.thinking += text(block.thinking);
      if (text(block.type) === "tool_use")
        heard.tools.push({ id: text(block.id), name: text(block.name), input: block.input });
    }
    return { ...heard, usage: messagesUsage(json.usage!), stop: text(json.stop_reason), ended: true };
  },
  stream: (events) => {
    const heard = silence();
    const open = new Map<number, { name: string; id: string; json: string }>();
    for (const { event, json } of events) {
      if (text(json.type) !== event) throw new Error(`${event} carries ${text(json.type)}`);
      const index = number(json.index);
      if (event === "content_block_start") {
        if (open.size > 0) throw new Error("two blocks are open at once");
        open.set(index, { name: text(json.content_block!.name), id: text(json.content_block!.id), json: "" });
      }
      heard.text += text(json.delta?.text);
      heard.thinking += text(json.delta?.thinking);
      const block = open.get(index);
      if (block) block.json += text(json.delta?.partial_json);
      if (event === "content_block_stop") {
        if (block?.name) heard.tools.push({ id: block.id, name: block.name, input: JSON.parse(block.json) });
        open.delete(index);
      }
      if (event === "message_delta") {
        heard.usage = messagesUsage(json.usage!);
        heard.stop = text(json.delta!.stop_reason);
      }
      if (event === "message_stop") heard.ended = true;
      if (event === "error") heard.error = messages.error(json);
    }
    return heard;
  },
  error: ({ error }) => ({ code: error!.type, message: text(error!.message) }),
};

const geminiUsage = (usage: Json) => ({
  input: number(usage.promptTokenCount),
  cached: number(usage.cachedContentTokenCount),
  output: number(usage.candidatesTokenCount) + number(usage.thoughtsTokenCount),
  reasoning: number(usage.thoughtsTokenCount),
});

function hearParts(heard: Heard, json: Json): void {
  const { content, finishReason } = first(json.candidates) ?? {};
  for (const part of list(content?.parts)) {
    if (part.functionCall) {
      const { id, name, args } = part.functionCall;
      heard.tools.push({ id: text(id), name: text(name), input: args });
    } else heard[part.thought ? "thinking" : "text"] += text(part.text);
  }
  if (finishReason) heard.stop = text(finishReason);
  if (finishReason) heard.ended = true;
  if (json.usageMetadata) heard.usage = geminiUsage(json.usageMetadata);
  if (json.error) heard.error = gemini.error(json);
}

const gemini: Wire = {
  path: ({ model = "m", stream }) =>
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  key: (key) => ({ "x-goog-api-key": key }),
  stops: { end: "STOP", tool: "STOP", length: "MAX_TOKENS" },
  body: ({ prompt, before = [], results = [], tools, schema }) => ({
    systemInstruction: { parts: [{ text: "Be brief." }] },
    contents: [
      ...before.flatMap((text) => [
        { role: "user", parts: [{ text }] },
        { role: "model", parts: [{ text: "Yes." }] },
      ]),
      { role: "user", parts: [{ text: prompt }] },
      ...results.flatMap((output) => [
        { role: "model", parts: [{ functionCall: { name: "t", args: {} } }] },
        { role: "user", parts: [{ functionResponse: { name: "t", response: { output } } }] },
      ]),
    ],
    ...(tools && {
      tools: [{ functionDeclarations: tools.map((t) => ({ name: t.name, parametersJsonSchema: t.schema })) }],
    }),
    ...(schema && { generationConfig: { responseMimeType: "application/json", responseJsonSchema: schema } }),
  }),
  whole: (json) => {
    const heard = silence();
    hearParts(heard, json);
    return heard;
  },
  stream: (events) => {
    const heard = silence();
    for (const { json } of events) hearParts(heard, json);
    return heard;
  },
  error: ({ error }) => ({ code: error!.status, message: text(error!.message) }),
};

export const wires = { chat, responses, messages, gemini } as const;
export type WireName = keyof typeof wires;

/** The events of a stream, read line by line as the standard has it. */
function eventsIn(stream: string): { event?: string; json: Json }[] {
  return stream.split("\n\n").flatMap((frame) => {
    const lines = frame.split("\n").map((line) => /^(\w+): ?(.*)$/s.exec(line));
    const field = (name: string) => lines.find((line) => line?.[1] === name)?.[2];
    const said = field("data");
    if (said === undefined) return [];
    const json = (said === "[DONE]" ? said : JSON.parse(said)) as Json;
    const event = field("event");
    return [{ ...(event === undefined ? {} : { event }), json }];
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly heard: Heard;
  /** The connection ended before the answer did. */
  readonly broken: boolean;
}

/** Reads what comes until it ends or breaks. */
async function textOf(response: Response): Promise<{ said: string; broken: boolean }> {
  let said = "";
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body!) said += decoder.decode(bytes, { stream: true });
  } catch {
    return { said, broken: true }; // A cut connection is what some tests are about.
  }
  return { said, broken: false };
}

export function post(url: string, name: WireName, ask: Ask, init: RequestInit = {}): Promise<Response> {
  const wire = wires[name];
  const headers = { "content-type": "application/json", ...wire.key("sk-test"), ...init.headers };
  return fetch(url + wire.path(ask), { ...init, method: "POST", headers, body: JSON.stringify(wire.body(ask)) });
}

export async function talk(url: string, name: WireName, ask: Ask): Promise<Answer> {
  const wire = wires[name];
  const response = await post(url, name, ask);
  const { said, broken } = await textOf(response);
  const { status, headers } = response;
  if (status !== 200) return { status, headers, broken, heard: { ...silence(), error: wire.error(JSON.parse(said)) } };
  if (ask.stream) return { status, headers, broken, heard: wire.stream(eventsIn(said)) };
  return { status, headers, broken, heard: broken ? { ...silence(), text: said } : wire.whole(JSON.parse(said)) };
}
