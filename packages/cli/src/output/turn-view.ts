/** Shows a turn as it happens: the answer on stdout, everything else line by line on stderr. */
import { chunkText, isClean, readToolOutput, type SessionEvent, type SessionUpdate } from "@corral/protocol";
import { harmless, oneLine } from "./harmless.ts";
import type { Out, Style } from "./out.ts";

export interface TurnView {
  show(event: SessionEvent): void;
  /** Ends the answer's last line. */
  end(): void;
}

interface ViewNeed {
  readonly answer: Out;
  readonly progress: Out;
  /** The answer only. */
  readonly quiet: boolean;
}

const text = (thing: unknown): string => (typeof thing === "string" ? thing : "");

interface PlanEntry {
  readonly content?: unknown;
  readonly status?: unknown;
}

/** A plan is told by how far it is: `plan 1/3: write the test`. */
export function planText(update: SessionUpdate): string | undefined {
  if (!Array.isArray(update.entries) || update.entries.length === 0) return undefined;
  const entries = update.entries as readonly PlanEntry[];
  const done = entries.filter(({ status }) => status === "completed").length;
  const current = entries.find(({ status }) => status === "in_progress");
  return `plan ${done}/${entries.length}${current ? `: ${oneLine(text(current.content))}` : ""}`;
}

/** What is known of a tool call so far; updates carry only what changed. */
interface Call {
  title: string;
  status: string;
}

const marks: Readonly<Record<string, { readonly mark: string; readonly style: Style }>> = {
  completed: { mark: "✓", style: "green" },
  failed: { mark: "✗", style: "red" },
};

type Note = (style: Style, words: string) => void;

/** Lines of progress start on their own line, even where the answer is written to the same place. */
function noteOn({ answer, progress, quiet }: ViewNeed): Note {
  const shared = answer === progress || (answer.place !== undefined && answer.place === progress.place);
  return (style, words) => {
    if (quiet) return;
    if (shared && !answer.atLineStart()) answer.line();
    progress.line(progress.style(style, words));
  };
}

/** Tool calls: told when they begin and when they end. */
function toolLines(note: Note): (update: SessionUpdate) => void {
  const calls = new Map<string, Call>();
  return (update) => {
    const id = text(update.toolCallId);
    const known = calls.get(id);
    const call = { title: text(update.title) || known?.title || id, status: known?.status ?? "" };
    calls.set(id, call);
    const kind = update.kind ? ` (${oneLine(text(update.kind))})` : "";
    if (known === undefined) note("cyan", `→ ${oneLine(call.title)}${kind}`);
    const shown = marks[text(update.status)];
    if (shown === undefined || call.status === update.status) return;
    call.status = text(update.status);
    note(shown.style, `${shown.mark} ${oneLine(call.title)}${changesText(update)}`);
  };
}

function planLines(note: Note): (update: SessionUpdate) => void {
  let told = "";
  return (update) => {
    const plan = planText(update);
    if (plan !== undefined && plan !== told) note("dim", plan);
    told = plan ?? told;
  };
}

/** What the agent says; a message that follows a tool starts on a line of its own. */
function answerLines(answer: Out) {
  let interrupted = false;
  return {
    say(update: SessionUpdate) {
      if (interrupted && !answer.atLineStart()) answer.line();
      interrupted = false;
      answer.write(chunkText(update) ?? "");
    },
    interrupt() {
      interrupted = true;
    },
  };
}

export function createTurnView(need: ViewNeed): TurnView {
  const { answer } = need;
  const note = noteOn(need);
  const tool = toolLines(note);
  const spoken = answerLines(answer);
  let thought = "";
  const endThought = () => {
    if (thought !== "") note("dim", `· ${oneLine(thought, 400)}`);
    thought = "";
  };
  const onTool = (update: SessionUpdate) => {
    spoken.interrupt();
    tool(update);
  };
  const updates: Readonly<Record<string, (update: SessionUpdate) => void>> = {
    agent_message_chunk: spoken.say,
    agent_thought_chunk: (update) => {
      thought += chunkText(update) ?? "";
    },
    tool_call: onTool,
    tool_call_update: onTool,
    plan: planLines(note),
  };
  return {
    show(event) {
      const update = event.type === "turn.updated" ? event.data.update : undefined;
      if (update?.sessionUpdate !== "agent_thought_chunk") endThought();
      if (update) return updates[update.sessionUpdate]?.(update);
      const line = progressText(event);
      if (line !== undefined) note(line.style, line.words);
    },
    end() {
      endThought();
      if (!answer.atLineStart()) answer.line();
    },
  };
}

function changesText(update: SessionUpdate): string {
  const { diffs, exitCode } = readToolOutput(update);
  const files = diffs.map(({ path }) => oneLine(path));
  return `${files.length > 0 ? `: ${files.join(", ")}` : ""}${exitCode ? ` (exit code ${exitCode})` : ""}`;
}

interface Line {
  readonly style: Style;
  readonly words: string;
}

/** What a person wants to know of the events that are no content. */
function progressText(event: SessionEvent): Line | undefined {
  switch (event.type) {
    case "turn.asked":
      return { style: "yellow", words: `? ${oneLine(event.data.title)}` };
    case "turn.answered":
      return { style: "yellow", words: `  ${answerText(event.data)}` };
    case "turn.steered":
      return { style: "dim", words: "· steered" };
    case "harness.installed":
      return { style: "dim", words: `· installed ${oneLine(event.data.version)}` };
    case "harness.notice":
      return { style: "dim", words: `· ${event.data.kind}: ${oneLine(event.data.text)}` };
    case "harness.stalled":
      return { style: "yellow", words: `! the agent has been silent for ${Math.round(event.data.silentMs / 1000)} s` };
    case "harness.exited":
      return event.data.expected ? undefined : { style: "red", words: exitText(event.data) };
    case "run.residue":
      return isClean(event.data)
        ? undefined
        : { style: "red", words: "! the run left something behind; it was removed" };
    default:
      return undefined;
  }
}

type Content<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>["data"];

function answerText({ outcome, option, by, rule }: Content<"turn.answered">): string {
  const what = option?.name ? oneLine(option.name) : outcome;
  return `${outcome === "parked" ? "nobody answered: the turn is paused" : what} (${rule ? `${by}, ${rule}` : by})`;
}

function exitText({ code, signal, stderr }: Content<"harness.exited">): string {
  const last = stderr.tail.length > 0 ? stderr.tail.slice(-5) : stderr.head.slice(-5);
  const how = signal ? `by signal ${signal}` : `with code ${code ?? "unknown"}`;
  return [`! the agent ended ${how}`, ...last.map((line) => `  | ${harmless(line)}`)].join("\n");
}
