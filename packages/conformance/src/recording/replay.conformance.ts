/** Plays a recording to its driver, and folds what the driver makes of it as a session would. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Connection,
  type ConnectNeed,
  type Harness,
  type ManualClock,
  manualClock,
  type Question,
  type Reply,
} from "@corral/kernel";
import {
  type AskOption,
  type ContentBlock,
  type Draft,
  emptyTranscript,
  eventId,
  foldAll,
  foldTranscript,
  type Item,
  isFault,
  makeId,
  type SessionEvent,
  type SessionUpdate,
  type TurnId,
} from "@corral/protocol";
import { until, within } from "../ear.ts";
import { type Frame, Player, processesIn, type Row, settled, wordsOf } from "./player.conformance.ts";

const startMs = 1_795_156_000_000;
const session = makeId("session", startMs, new Uint8Array(16));
const run = makeId("run", startMs, new Uint8Array(16));

type Params = NonNullable<Frame["params"]>;

/** The methods by which a person's prompt is put to a harness, in ACP and in protocols of their own. */
const promptIn: Readonly<Record<string, (params: Params) => ContentBlock[]>> = {
  "session/prompt": ({ prompt }) => prompt as ContentBlock[],
  "turn/start": ({ input }) => input as ContentBlock[],
  prompt: ({ message }) => [{ type: "text", text: String(message) }],
};
const cancels = new Set(["session/cancel", "turn/interrupt", "abort"]);
const closes = new Set(["session/close"]);

const isQuestion = ({ method = "", type }: Frame): boolean =>
  /^session\/request_permission|\/requestApproval$/.test(method) ||
  (type === "extension_ui_request" && method === "confirm");

/** The option that was chosen when it was recorded, in the words of each protocol. */
function chosenIn(recorded: unknown): unknown {
  const { outcome, decision, confirmed } = (recorded ?? {}) as {
    outcome?: { optionId?: string };
    decision?: unknown;
    confirmed?: boolean;
  };
  if (confirmed !== undefined) return confirmed ? "once" : "reject";
  return outcome?.optionId ?? decision;
}

interface PlayNeed {
  readonly harness: Harness;
  readonly rows: readonly Row[];
  readonly options: ConnectNeed["options"];
  /** Puts into a session's directory what the harness would have left there of its conversation. */
  readonly remembered?: ((stateDir: string, native: string) => Promise<void>) | undefined;
}

class Replay {
  readonly events: SessionEvent[] = [];
  readonly asks: string[] = [];
  readonly started: object[] = [];
  readonly #need: PlayNeed;
  readonly #dir: string;
  readonly #clock: ManualClock = manualClock({ startMs });
  #connection: Promise<Connection> | undefined;
  #native: string | undefined;
  #turns = 0;
  #turn: TurnId | undefined;

  constructor(need: PlayNeed, dir: string) {
    this.#need = need;
    this.#dir = dir;
    const policy = { permissions: "ask" as const, rules: [], deadlineMs: 1000, onExpire: "deny" as const };
    this.#add({ type: "session.opened", source: "person", data: { agent: need.harness.id, cwd: "/", policy } });
  }

  async play(): Promise<void> {
    for (const rows of processesIn(this.#need.rows)) await this.#process(rows);
  }

  async #process(rows: readonly Row[]): Promise<void> {
    const player = new Player();
    const replies = new Map(
      rows.flatMap(({ dir, msg }) =>
        dir === "client>agent" && msg && wordsOf(msg).method === undefined ? [[msg.id, wordsOf(msg).result]] : [],
      ),
    );
    const asked = rows.filter(({ msg = {} }) => isQuestion(msg)).map(({ msg }) => replies.get(msg?.id));
    if (this.#native !== undefined) await this.#need.remembered?.(this.#dir, this.#native);
    this.#connection = this.#need.harness.connect(this.#connectNeed(player, asked));
    this.#connection.then(
      ({ started, steer, forks, images }) => {
        const { how, native, name, version } = started;
        this.started.push({ how, name, version, steers: steer !== undefined, forks, images });
        this.#native = native;
      },
      // Whoever waits for the next row is told.
      () => undefined,
    );
    for (const row of rows) await this.#row(row, player);
    await settled();
    player.end();
    await settled();
    if (this.#turn) this.#end(this.#turn, { outcome: "lost" });
  }

  async #row(row: Row, player: Player): Promise<void> {
    this.#clock.advance(Math.max(0, row.t - this.#clock.monotonicMs()));
    if (row.dir === "agent>client") return player.say(row);
    const { method = "", params = {} } = wordsOf(row.msg ?? {});
    const connection = () => this.#connection ?? Promise.reject(new Error("nobody is connected"));
    const blocks = promptIn[method];
    // Nobody prompts before the end of the turn before has been told, which may take the driver a moment.
    if (blocks !== undefined) await until("the end of the turn before", () => this.#turn === undefined, 10_000);
    if (blocks !== undefined) this.#prompt(await connection(), blocks(params));
    if (cancels.has(method)) (await connection()).cancel();
    if (closes.has(method)) void (await connection()).close();
    const what = () => `${method || "an answer"} of ${row.t} ms`;
    const written = await within(Promise.race([player.heard(), this.#unconnected()]), what, 10_000);
    assert.equal(
      written.method ?? "an answer",
      method || "an answer",
      `at ${row.t} ms the driver writes something else`,
    );
    await settled();
  }

  /** Rejects when the driver cannot connect, and never resolves. */
  async #unconnected(): Promise<never> {
    await this.#connection;
    return new Promise<never>(() => undefined);
  }

  #prompt(connection: Connection, prompt: ContentBlock[]): void {
    const turn = makeId("turn", startMs, new Uint8Array(16).fill(this.#turns++));
    this.#turn = turn;
    this.#add({ type: "turn.queued", turn, source: "person", data: { prompt } });
    this.#add({ type: "turn.started", turn, source: "daemon", data: {} });
    void connection.prompt(prompt).then(
      ({ stopReason, usage }) =>
        this.#end(turn, {
          outcome: stopReason === "cancelled" ? "cancelled" : "completed",
          stopReason,
          ...(usage ? { usage } : {}),
        }),
      (error: unknown) => {
        // One that was left without an answer is told as lost when its process is over.
        if (!isFault(error) || error.code === "harness.crashed") return;
        const { code, detail, more } = error.toRecord();
        this.#end(turn, { outcome: "failed", fault: { code, detail, ...(more ? { more: { ...more } } : {}) } });
      },
    );
  }

  #end(turn: TurnId, end: Extract<Draft, { type: "turn.ended" }>["data"]): void {
    this.#add({ type: "turn.ended", turn, source: "daemon", data: end });
    if (this.#turn === turn) this.#turn = undefined;
  }

  #connectNeed(player: Player, asked: unknown[]): ConnectNeed {
    const { harness, options } = this.#need;
    return {
      session,
      run,
      cwd: this.#dir,
      stateDir: this.#dir,
      options,
      secrets: Object.fromEntries(harness.secrets.map((name) => [name, "sk-any"])),
      mcpServers: [],
      settings: {},
      programs: { node: process.execPath, bin: (name) => join("/nowhere", name) },
      processes: player.processes(this.#dir),
      clock: this.#clock,
      hostEnv: { PATH: "" },
      signal: new AbortController().signal,
      ...(this.#native === undefined ? {} : { restore: { native: this.#native } }),
      host: {
        update: (update) => this.#said(update),
        ask: (question) => this.#answer(question, asked.shift()),
        notice: ({ kind, text }) => this.#add({ type: "harness.notice", source: "daemon", data: { kind, text } }),
      },
    };
  }

  #said(update: SessionUpdate): undefined {
    if (this.#turn) this.#add({ type: "turn.updated", turn: this.#turn, source: "agent", data: { update } });
    else this.#add({ type: "session.updated", source: "agent", data: { update } });
  }

  async #answer({ options, title }: Question, recorded: unknown): Promise<Reply> {
    this.asks.push(`${title}: ${offered(options)}`);
    const option = options.find(({ optionId }) => optionId === chosenIn(recorded));
    return option ? { outcome: "selected", option } : { outcome: "cancelled" };
  }

  #add(draft: Draft): void {
    const cursor = this.events.length + 1;
    const at = new Date(startMs + cursor).toISOString();
    this.events.push(JSON.parse(JSON.stringify({ cursor, id: eventId(session, cursor), session, at, ...draft })));
  }
}

const offered = (options: readonly AskOption[]): string =>
  options.map(({ optionId, kind }) => `${optionId}:${kind}`).join(" ");

const short = (text: string): string => (text.length > 160 ? `${text.slice(0, 160)}… ${text.length}` : text);
const line = ({ kind, role, status, parts }: Item): string =>
  `${kind} ${role} ${status} ${parts.map((part) => short(JSON.stringify(part))).join(" ")}`;

/** The conversation as people read it, line by line, and the session as programs do. */
export async function foldRecording(need: PlayNeed): Promise<unknown> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  try {
    const replay = new Replay(need, dir);
    await replay.play();
    const transcript = emptyTranscript();
    for (const event of replay.events) foldTranscript(transcript, event);
    const kinds = replay.events.flatMap((event) => ("update" in event.data ? [event.data.update.sessionUpdate] : []));
    const ends = replay.events.flatMap((event) => (event.type === "turn.ended" ? [event.data] : []));
    const { title, mode, turns, usage, context, commands = [] } = foldAll(replay.events) ?? {};
    const counts = Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, all]) => [kind, all?.length]);
    return JSON.parse(
      JSON.stringify({
        started: replay.started,
        asks: replay.asks,
        updates: Object.fromEntries(counts),
        session: { title, mode, turns, usage, context, commands: commands.length },
        ends,
        items: transcript.items.map(line),
      }).replaceAll(dir, "<dir>"),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
