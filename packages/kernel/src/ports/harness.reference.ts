/** The smallest true harness: it lives in memory, repeats what it hears, and does a few tricks when a prompt is one of their names. */
import { agentCapabilitiesSchema, type ContentBlock, Fault, promptText } from "@corral/protocol";
import type { Exit } from "../process/process.ts";
import type { Connection, ConnectNeed, Harness, How, PromptResult, Reply } from "./harness.ts";

const silent = { head: [], tail: [], totalLines: 0, truncated: false };

const options = [
  { optionId: "yes", name: "Allow", kind: "allow_once" },
  { optionId: "no", name: "Reject", kind: "reject_once" },
];

const died = (): Fault =>
  new Fault("harness.crashed", {
    detail: "The echo was ended in the middle of a prompt.",
    help: "Prompt again: the session goes on with a fresh harness.",
  });

/** What the echo remembers of the sessions it has played, for as long as the harness itself is there. */
type Memory = Map<string, readonly string[]>;

const answerOf = (reply: Reply): string => (reply.outcome === "selected" ? reply.option.optionId : reply.outcome);

class Echo implements Connection {
  readonly started: Connection["started"];
  readonly forks = true;
  readonly images = false;
  readonly exited: Promise<Exit>;
  readonly #host: ConnectNeed["host"];
  readonly #memory: Memory;
  readonly #gone = Promise.withResolvers<Exit>();
  #turn: AbortController | undefined;
  #over = false;

  constructor({ host }: ConnectNeed, memory: Memory, how: How, native: string) {
    this.#host = host;
    this.#memory = memory;
    this.started = { how, native };
    this.exited = this.#gone.promise;
  }

  async prompt(prompt: readonly ContentBlock[]): Promise<PromptResult> {
    if (this.#over) throw died();
    const { native } = this.started;
    const text = promptText(prompt);
    const turn = new AbortController();
    this.#turn = turn;
    this.#memory.set(native, [...(this.#memory.get(native) ?? []), text]);
    try {
      await this.#play(text, turn.signal);
    } finally {
      this.#turn = undefined;
    }
    if (this.#over) throw died();
    return { stopReason: turn.signal.aborted ? "cancelled" : "end_turn" };
  }

  cancel(): void {
    this.#turn?.abort();
  }

  close(): Promise<Exit> {
    this.#end({ code: 0, stderr: silent });
    return this.exited;
  }

  async #play(text: string, signal: AbortSignal): Promise<void> {
    if (text === "history") return this.#say((this.#memory.get(this.started.native) ?? []).join("\n"));
    if (text === "ask") return this.#ask(signal);
    if (text === "hang") return this.#hang(signal);
    if (text === "crash") return this.#end({ signal: "SIGKILL", stderr: silent });
    return this.#say(text);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const reply = await this.#host.ask({ kind: "permission", title: "May I?", options }, { signal });
    await this.#say(answerOf(reply));
  }

  async #hang(signal: AbortSignal): Promise<void> {
    await this.#say("waiting");
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  async #say(text: string): Promise<void> {
    await this.#host.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  }

  #end(exit: Exit): void {
    this.#over = true;
    this.#turn?.abort();
    this.#gone.resolve(exit);
  }
}

/** Brings back what it remembers; a conversation that it does not know it has to be told. */
function begin(need: ConnectNeed, memory: Memory): Echo {
  const { restore, session, run } = need;
  const known = restore && memory.get(restore.native);
  if (restore && known && !restore.fork) return new Echo(need, memory, "resume", restore.native);
  const native = `echo-${session}-${run}`;
  memory.set(native, known ?? []);
  return new Echo(need, memory, restore ? (known ? "fork" : "replay") : "new", native);
}

export function echoHarness(): Harness {
  const memory: Memory = new Map();
  const { shape } = agentCapabilitiesSchema;
  const can = new Set(["permissions", "textMessages", "streamingDeltas", "sessionLifecycle", "sharedProcess"]);
  return {
    id: "echo",
    title: "Echo",
    secrets: [],
    capabilities: agentCapabilitiesSchema.parse(
      Object.fromEntries(Object.keys(shape).map((name) => [name, can.has(name)])),
    ),
    async connect(need) {
      need.signal.throwIfAborted();
      return begin(need, memory);
    },
  };
}
