/** One turn of the reference agent: asks its brain, uses the tools that it wants, and goes on until it has nothing more to say. */
import { type Brain, BrokenOff, type Question, type Said, shellTool, type ToolCall } from "./brain.ts";
import type { Conversation } from "./conversation.ts";
import type { Flaw } from "./flaws.ts";
import { type Shells, textContent } from "./shell.ts";
import { type Json, record, type Wire, WireError } from "./wire.ts";

export interface TurnNeed {
  readonly brain: Brain;
  readonly shells: Shells;
  readonly wire: Wire;
  readonly flaw: Flaw | undefined;
  readonly save: () => void;
}

const maxTries = 3;

const permissionOptions = [
  { optionId: "once", name: "Allow once", kind: "allow_once" },
  { optionId: "always", name: "Allow always", kind: "allow_always" },
  { optionId: "no", name: "Reject", kind: "reject_once" },
];

export class Turn {
  readonly #need: TurnNeed;
  readonly #talk: Conversation;
  readonly #signal: AbortSignal;
  #input = 0;
  #output = 0;
  #hasSpoken = false;

  constructor(need: TurnNeed, talk: Conversation, signal: AbortSignal) {
    this.#need = need;
    this.#talk = talk;
    this.#signal = signal;
  }

  /** Resolves with the result of the prompt. */
  async play(): Promise<Json> {
    try {
      await this.#answer();
      return this.#result("end_turn");
    } catch (error) {
      if (this.#signal.aborted) return this.#cancelled();
      if (this.#need.flaw !== "error-prose" || !(error instanceof WireError)) throw error;
      this.#chunk("message", `Error: ${error.message}`);
      return this.#result("end_turn");
    } finally {
      this.#need.save();
    }
  }

  #cancelled(): Json | Promise<Json> {
    const hangs = this.#need.flaw === "hangs-after-cancel" && !this.#talk.busy;
    this.#talk.busy = false;
    return hangs ? new Promise<Json>(() => undefined) : this.#result("cancelled");
  }

  #result(stopReason: string): Json {
    const times = this.#need.flaw === "counts-twice" ? 2 : 1;
    const [inputTokens, outputTokens] = [this.#input * times, this.#output * times];
    const usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
    return { stopReason, ...(inputTokens > 0 ? { usage } : {}) };
  }

  async #answer(): Promise<void> {
    for (;;) {
      const calls = await this.#listen();
      if (calls.length === 0) return;
      for (const call of calls) await this.#use(call);
    }
  }

  /** One answer of the brain, asked for again when it breaks off. */
  async #listen(): Promise<readonly ToolCall[]> {
    const calls: ToolCall[] = [];
    let told = "";
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          let heard = "";
          for await (const said of this.#need.brain.answer(this.#question())) {
            if (said.is === "call") calls.push(said.call);
            if (said.is === "text") {
              heard += said.text;
              const next = this.#need.flaw === "repeats-on-retry" ? said.text : heard.slice(told.length);
              told += next;
              this.#tell(next);
            } else this.#hear(said);
          }
          this.#tellRest();
          return calls;
        } catch (error) {
          if (!(error instanceof BrokenOff)) throw error;
          if (tries === maxTries) throw new WireError(-32000, `${error.message}, ${maxTries} times`);
        }
      }
    } finally {
      this.#remember(told, calls);
    }
  }

  #question(): Question {
    const { messages, mcp, model, models, mode } = this.#talk;
    const { flaw } = this.#need;
    return {
      messages,
      tools: [shellTool, ...mcp.tools],
      model: flaw === "ignores-model" ? (models[0] ?? model) : model,
      mode: flaw === "ignores-mode" ? "build" : mode,
      signal: this.#signal,
    };
  }

  #tell(text: string): void {
    this.#signal.throwIfAborted();
    const now = this.#due(text);
    if (now !== "") this.#chunk("message", now);
  }

  /** What of a text is told now: all of it, unless a flaw keeps some back. */
  #due(text: string): string {
    const { flaw } = this.#need;
    const waits = flaw === "holds-back" || flaw === "tells-at-the-end";
    if (!waits || text === "") return text;
    const former = this.#talk.heldBack;
    const isFirst = !this.#hasSpoken;
    this.#hasSpoken = true;
    this.#talk.heldBack = flaw === "tells-at-the-end" ? former + text : isFirst ? "" : text;
    if (flaw === "tells-at-the-end") return "";
    return isFirst ? former + text : former;
  }

  /** What is left to tell when the answer is whole. */
  #tellRest(): void {
    const { heldBack } = this.#talk;
    if (heldBack === "" || this.#need.flaw === "holds-back") return;
    this.#talk.heldBack = "";
    this.#chunk("message", heldBack);
  }

  #chunk(kind: "message" | "thought", text: string): void {
    this.#update({ sessionUpdate: `agent_${kind}_chunk`, content: { type: "text", text } });
  }

  #hear(said: Said): void {
    if (said.is === "thought") this.#chunk(this.#need.flaw === "thinks-aloud" ? "message" : "thought", said.text);
    if (said.is !== "usage") return;
    this.#input += said.tokens.input;
    this.#output += said.tokens.output;
  }

  #remember(text: string, calls: readonly ToolCall[]): void {
    const wanted = calls.map(({ id, name, input }) => ({
      id,
      type: "function",
      function: { name, arguments: JSON.stringify(input) },
    }));
    if (text === "" && wanted.length === 0) return;
    const tools = wanted.length > 0 ? { tool_calls: wanted } : {};
    this.#talk.messages.push({ role: "assistant", content: text, ...tools });
    this.#need.save();
  }

  /** Whatever becomes of a call, it has an end, and the model is told of it. */
  async #use(call: ToolCall): Promise<void> {
    const { id, name, input } = call;
    const isShell = name === shellTool.name;
    const title = isShell ? String(input.command) : name;
    const about = { toolCallId: id, title, kind: isShell ? "execute" : "other", rawInput: input };
    this.#update({ sessionUpdate: "tool_call", ...about, status: "pending" });
    let [status, output] = ["failed", "It was broken off."];
    try {
      if (!isShell || (await this.#allowed(about))) {
        this.#update({ sessionUpdate: "tool_call_update", toolCallId: id, status: "in_progress" });
        [status, output] = ["completed", await this.#run(call)];
      } else output = "The person said no.";
    } finally {
      this.#update({ sessionUpdate: "tool_call_update", toolCallId: id, status, content: [textContent(output)] });
      this.#talk.messages.push({ role: "tool", tool_call_id: id, content: output });
      this.#need.save();
    }
  }

  async #run({ name, input }: ToolCall): Promise<string> {
    const { mcp, cwd } = this.#talk;
    if (this.#need.flaw === "runs-nothing") return "";
    this.#talk.busy = true;
    const output =
      name === shellTool.name
        ? await this.#need.shells.run(String(input.command), cwd, this.#signal)
        : ((await mcp.call(name, input)) ?? `There is no tool ${name}.`);
    this.#talk.busy = false;
    return output;
  }

  async #allowed(toolCall: Json): Promise<boolean> {
    if (this.#talk.trusted) return true;
    const { wire, flaw } = this.#need;
    const params = { sessionId: this.#talk.id, toolCall, options: permissionOptions };
    const asked = wire.request("session/request_permission", params);
    if (flaw === "asks-without-waiting") return true;
    const { outcome, optionId } = record((await asked).outcome);
    if (outcome === "cancelled") throw new WireError(-32800, "The turn was cancelled.");
    this.#talk.trusted = optionId === "always";
    return optionId !== "no";
  }

  #update(update: Json): void {
    this.#need.wire.notify("session/update", { sessionId: this.#talk.id, update });
  }
}
