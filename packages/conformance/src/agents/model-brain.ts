/** A brain that asks a model server, in the dialect of Chat Completions. */
import { type Brain, BrokenOff, type Question, type Said, type Tool } from "./brain.ts";
import { type Json, record, records, WireError } from "./wire.ts";

const declared = ({ name, description, parameters }: Tool): Json => ({
  type: "function",
  function: { name, description, parameters },
});

/** The `data:` lines of a stream of events. */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice("data: ".length);
  }
}

interface Building {
  id: string;
  name: string;
  input: string;
}

/** A call comes in pieces. */
function collect(calls: Map<unknown, Building>, delta: Json): void {
  for (const { index, id, function: piece } of records(delta.tool_calls)) {
    const { name, arguments: input } = record(piece);
    const call = calls.get(index) ?? { id: String(id), name: String(name), input: "" };
    call.input += typeof input === "string" ? input : "";
    calls.set(index, call);
  }
}

function* spokenIn({ content, reasoning_content: thought }: Json): Iterable<Said> {
  if (typeof thought === "string" && thought !== "") yield { is: "thought", text: thought };
  if (typeof content === "string" && content !== "") yield { is: "text", text: content };
}

async function* read(body: ReadableStream<Uint8Array>): AsyncIterable<Said> {
  const calls = new Map<unknown, Building>();
  for await (const event of eventsIn(body)) {
    if (event === "[DONE]") {
      for (const { id, name, input } of calls.values())
        yield { is: "call", call: { id, name, input: record(JSON.parse(input || "{}")) } };
      return;
    }
    const { choices, usage } = record(JSON.parse(event));
    const delta = record(records(choices)[0]?.delta);
    collect(calls, delta);
    yield* spokenIn(delta);
    const { prompt_tokens: input, completion_tokens: output } = record(usage);
    if (typeof input === "number" && typeof output === "number") yield { is: "usage", tokens: { input, output } };
  }
  throw new BrokenOff("the answer of the model broke off");
}

/** A connection that ends in the middle is an answer that broke off; one that we end ourselves is not. */
async function* whole(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncIterable<Said> {
  try {
    yield* read(body);
  } catch (error) {
    if (signal.aborted || error instanceof BrokenOff || !(error instanceof TypeError)) throw error;
    throw new BrokenOff("the connection to the model broke off", { cause: error });
  }
}

async function refusal(response: Response): Promise<WireError> {
  const { error } = record(await response.json());
  const { message = response.statusText } = record(error);
  return new WireError(-32000, `The model answered ${response.status}: ${String(message)}`, {
    status: response.status,
  });
}

export function modelBrain(baseUrl: string, key: string | undefined): Brain {
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  async function* answer({ messages, tools, model, mode, signal }: Question): AsyncIterable<Said> {
    const system = { role: "system", content: `You are a small agent in the mode ${mode}.` };
    const body = JSON.stringify({
      model,
      stream: true,
      stream_options: { include_usage: true },
      messages: [system, ...messages],
      tools: tools.map(declared),
    });
    const response = await fetch(`${baseUrl}/chat/completions`, { method: "POST", headers, body, signal });
    if (!response.ok) throw await refusal(response);
    if (response.body) yield* whole(response.body, signal);
  }
  return {
    answer,
    async models() {
      const listed = record(await (await fetch(`${baseUrl}/models`, { headers })).json());
      return records(listed.data).map(({ id }) => String(id));
    },
  };
}
