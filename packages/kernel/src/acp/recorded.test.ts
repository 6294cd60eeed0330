/** Recorded conversations of real harnesses, replayed for ever: every update is kept, and the folds say the same as always. */
import { readdirSync, readFileSync } from "node:fs";
import {
  coverageOf,
  type Draft,
  emptyTranscript,
  eventId,
  eventSchema,
  foldAll,
  foldTranscript,
  type Item,
  makeId,
  type SessionEvent,
  sessionSchema,
} from "@corral/protocol";
import { expect, test } from "vitest";
import { type Frame, isFrame } from "./rpc.ts";
import {
  readAgentCard,
  readChoices,
  readElicitation,
  readPermission,
  readPromptResult,
  readUpdate,
} from "./translate.ts";

const folder = new URL("../../../../fixtures/transcripts/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith("-acp.jsonl"));
const kept = (name: string) => new URL(name.replace(/\.jsonl$/, ".folded.json"), folder);

interface Row {
  readonly dir: "client>agent" | "agent>client";
  readonly msg: Frame;
}

const rowsOf = (name: string): readonly Row[] =>
  readFileSync(new URL(name, folder), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter((row) => isFrame(row.msg));

const start = 1_795_156_000_000;

/** One log for each native session of each process, written as the daemon would write it. */
class Logs {
  readonly logs = new Map<string, SessionEvent[]>();
  readonly #running = new Map<string, SessionEvent["turn"]>();
  #turns = 0;

  /** Opens the log of a session that is heard of for the first time. */
  open(native: string): SessionEvent[] {
    const log = this.logs.get(native);
    if (log) return log;
    this.logs.set(native, []);
    const policy = { permissions: "ask" as const, rules: [], deadlineMs: 1000, onExpire: "deny" as const };
    this.add(native, { type: "session.opened", source: "person", data: { agent: "recorded", cwd: "/", policy } });
    return this.open(native);
  }

  add(native: string, draft: Draft): void {
    const log = this.open(native);
    const session = makeId("session", start, new Uint8Array(16));
    const cursor = log.length + 1;
    const at = new Date(start + cursor).toISOString();
    const place = { cursor, id: eventId(session, cursor), session, at, native };
    log.push(JSON.parse(JSON.stringify({ ...place, ...draft })));
  }

  say(native: string, update: Frame & { readonly sessionUpdate: string }): void {
    const turn = this.#running.get(native);
    if (turn) this.add(native, { type: "turn.updated", turn, source: "agent", data: { update } });
    else this.add(native, { type: "session.updated", source: "agent", data: { update } });
  }

  prompt(native: string, prompt: readonly { type: "text"; text: string }[]): SessionEvent["turn"] {
    const turn = makeId("turn", start, new Uint8Array(16).fill(this.#turns++));
    this.add(native, { type: "turn.queued", turn, source: "person", data: { prompt: [...prompt] } });
    this.add(native, { type: "turn.started", turn, source: "daemon", data: {} });
    this.#running.set(native, turn);
    return turn;
  }

  /** What a process that is gone left running. */
  lose(): void {
    for (const [native, turn] of this.#running) {
      if (turn) this.add(native, { type: "turn.ended", turn, source: "daemon", data: { outcome: "lost" } });
    }
    this.#running.clear();
  }

  end(native: string, turn: SessionEvent["turn"], { result, error }: Frame): void {
    if (!turn) return;
    if (this.#running.get(native) === turn) this.#running.delete(native);
    const fault = isFrame(error) ? { code: "harness.refused" as const, detail: String(error.message) } : undefined;
    const body = fault
      ? { outcome: "failed" as const, fault }
      : { outcome: "completed" as const, ...readPromptResult(result) };
    this.add(native, { type: "turn.ended", turn, source: "daemon", data: body });
  }
}

interface Told {
  readonly logs: ReadonlyMap<string, readonly SessionEvent[]>;
  readonly updates: readonly unknown[];
  readonly asks: readonly unknown[];
  readonly cards: readonly unknown[];
}

function replay(name: string): Told {
  const logs = new Logs();
  const prompts = new Map<unknown, { native: string; turn: SessionEvent["turn"] }>();
  const opening = new Map<unknown, string>();
  const [updates, asks, cards]: unknown[][] = [[], [], []];
  for (const { dir, msg } of rowsOf(name)) {
    const params = isFrame(msg.params) ? msg.params : {};
    const native = String(params.sessionId ?? "");
    if (dir === "client>agent" && msg.method === "session/prompt") {
      prompts.set(msg.id, { native, turn: logs.prompt(native, params.prompt as [{ type: "text"; text: string }]) });
    } else if (dir === "client>agent" && typeof msg.method === "string" && msg.id !== undefined) {
      if (msg.method === "initialize") logs.lose();
      opening.set(msg.id, msg.method);
      prompts.delete(msg.id);
    } else if (msg.method === "session/update") {
      const said = readUpdate(msg.params);
      if (!said) throw new Error(`not an update: ${JSON.stringify(msg)}`);
      updates!.push(said.update);
      logs.say(said.native, said.update);
    } else if (msg.method === "session/request_permission") {
      asks!.push(readPermission(msg.params));
    } else if (msg.method === "elicitation/create") {
      asks!.push(readElicitation(msg.params));
    } else if (dir === "agent>client" && msg.method === undefined) {
      const prompt = prompts.get(msg.id);
      prompts.delete(msg.id);
      if (prompt) logs.end(prompt.native, prompt.turn, msg);
      else if (opening.get(msg.id) === "initialize") cards!.push(readAgentCard(msg.result));
      else if (isFrame(msg.result) && typeof msg.result.sessionId === "string") logs.open(msg.result.sessionId);
      if (isFrame(msg.result) && opening.get(msg.id) === "session/new") cards!.push(choiceNames(msg.result));
    }
  }
  return { logs: logs.logs, updates: updates!, asks: asks!, cards: cards! };
}

const choiceNames = (result: Frame) => {
  const { configOptions, modes, models } = readChoices(result);
  return { configOptions: configOptions.map(({ id }) => id), modes: modes !== undefined, models: models !== undefined };
};

function itemsOf(events: readonly SessionEvent[]): readonly Item[] {
  const transcript = emptyTranscript();
  for (const event of events) foldTranscript(transcript, event);
  return transcript.items;
}

const short = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}… ${text.length}` : text);
const summary = ({ kind, role, status, parts }: Item) =>
  `${kind} ${role} ${status} ${parts.map((part) => short(JSON.stringify(part))).join(" ")}`;

function foldedOf(name: string) {
  const { logs, updates, asks, cards } = replay(name);
  const kinds = updates.map((update) => (update as { sessionUpdate: string }).sessionUpdate);
  return {
    kinds: Object.fromEntries(
      Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, all]) => [kind, all?.length]),
    ),
    cards,
    asks: asks.map((ask) => {
      const { title, options } = ask as ReturnType<typeof readPermission>;
      return `${title}: ${options.map(({ optionId, kind }) => `${optionId}:${kind}`).join(" ")}`;
    }),
    sessions: [...logs.values()].map((events) => {
      const { title, mode, turns, usage, context, lastTurn, commands = [], configOptions = [] } = foldAll(events)!;
      const state = {
        title,
        mode,
        turns,
        usage,
        context,
        lastTurn,
        commands: commands.length,
        options: configOptions.length,
      };
      return { state, items: itemsOf(events).map(summary) };
    }),
  };
}

test("there are recordings of five harnesses", () => expect(names).toHaveLength(5));

test.each(names)("%s loses no update: each is kept verbatim, in its order (D-31)", (name) => {
  const { logs, updates } = replay(name);
  const keptUpdates = [...logs.values()].flat().flatMap((event) => ("update" in event.data ? [event.data.update] : []));
  expect(keptUpdates).toHaveLength(updates.length);
  const byText = (all: readonly unknown[]) => all.map((one) => JSON.stringify(one)).toSorted();
  expect(byText(keptUpdates)).toEqual(byText(updates));
  for (const events of logs.values()) {
    for (const event of events) expect(eventSchema.safeParse(event).error).toBeUndefined();
    const state = foldAll(events)!;
    expect(sessionSchema.safeParse(state).error).toBeUndefined();
    expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state);
  }
});

test.each(names)("%s folds to what it always did", (name) => {
  const folded = foldedOf(name);
  expect(JSON.parse(JSON.stringify(folded))).toEqual(JSON.parse(readFileSync(kept(name), "utf8")));
});

test.each(names)(
  "%s leaves no item in progress, and every kind it uses has its line in the coverage table (D-34)",
  (name) => {
    const { logs, updates } = replay(name);
    for (const events of logs.values()) {
      const running = foldAll(events)!.turn;
      for (const { status, turn, kind } of itemsOf(events))
        if (turn !== running?.id || !turn) expect([kind, status]).not.toContain("in_progress");
    }
    for (const update of updates)
      expect(coverageOf((update as { sessionUpdate: string }).sessionUpdate).item).not.toBe("unknown");
  },
);

test.each(names)("%s says the same when its chunks come in one piece (A-18)", (name) => {
  for (const events of replay(name).logs.values()) {
    const joined: SessionEvent[] = [];
    for (const event of events) {
      const last = joined.at(-1);
      const [before, now] = [said(last), said(event)];
      const same = before && now && ["sessionUpdate", "messageId"].every((name) => before[name] === now[name]);
      if (!same || last?.turn !== event.turn) joined.push(structuredClone(event));
      else (before.content as { text: string }).text += (now.content as { text: string }).text;
    }
    expect(joined.length).toBeLessThanOrEqual(events.length);
    const bodies = (all: readonly SessionEvent[]) =>
      itemsOf(all).map(({ kind, role, status, parts }) => ({ kind, role, status, parts }));
    expect(bodies(joined)).toEqual(bodies(events));
  }
});

/** The update of a text chunk of a turn. */
function said(event: SessionEvent | undefined): Frame | undefined {
  if (event?.type !== "turn.updated" || !event.data.update.sessionUpdate.endsWith("_chunk")) return undefined;
  const { content } = event.data.update;
  return isFrame(content) && typeof content.text === "string" ? event.data.update : undefined;
}
