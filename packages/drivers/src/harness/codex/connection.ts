/** One `codex app-server` and the one thread that it plays for a session. */
import {
  type Child,
  type Connection,
  type ConnectNeed,
  createPeer,
  type Exit,
  type Frame,
  frame,
  type How,
  isFrame,
  type Opening,
  type Peer,
  type PromptResult,
  RpcError,
  refusal,
  type Serve,
  type Settings,
  type Started,
  settingCalls,
  tellAll,
  watchLife,
} from "@corral/kernel";
import { type ContentBlock, Fault } from "@corral/protocol";
import { gatewayOf } from "../gateway.ts";
import { asks } from "./asks.ts";
import { failure } from "./failure.ts";
import { createMeter } from "./meter.ts";
import { configOptions, type ModelName, modeOf, modes, turnSettings } from "./modes.ts";
import { type MountPoints, openMountPoints } from "./mount-points.ts";
import { inputOf, mcpServersOf } from "./prompts.ts";
import { rolloutOf } from "./rollout.ts";
import { Telling } from "./translate.ts";

interface RunningTurn {
  /** Known once Codex has taken the prompt. */
  id?: string;
  cancelled: boolean;
  readonly ended: PromiseWithResolvers<Frame>;
}

interface Opened {
  readonly how: How;
  readonly thread: Frame;
}

const text = (thing: unknown): string | undefined => (typeof thing === "string" && thing !== "" ? thing : undefined);

export interface CodexWays {
  /** Where this session's Codex keeps what is its own. */
  readonly codexHome: string;
  /** A key of the vendor's own, to log in with for as long as the process lives. */
  readonly apiKey?: string;
}

export class CodexConnection implements Opening {
  readonly forks = true;
  readonly images = true;
  readonly exited: Promise<Exit>;
  readonly #need: ConnectNeed;
  readonly #ways: CodexWays;
  readonly #child: Child;
  readonly #peer: Peer;
  readonly #telling = new Telling();
  readonly #meter = createMeter();
  #started: Started | undefined;
  #native = "";
  #mode: string = modes[0].id;
  #model = "";
  #models: readonly ModelName[] = [];
  #turn: RunningTurn | undefined;
  #mountPoints: MountPoints | undefined;

  constructor(need: ConnectNeed, child: Child, ways: CodexWays) {
    this.#need = need;
    this.#ways = ways;
    this.#child = child;
    this.#peer = createPeer({
      stdin: child.stdin,
      stdout: child.stdout,
      serves: Object.fromEntries(Object.keys(asks).map((method) => [method, this.#asks(method)])),
      onNotification: (method, params) => this.#hear(method, frame(params)),
      onNotice: (notice) => need.host.notice(notice),
    });
    this.exited = this.#watch();
  }

  get started(): Started {
    if (!this.#started) throw new Fault("harness.start", { detail: "Codex has not opened its thread yet." });
    return this.#started;
  }

  async open(): Promise<void> {
    const { cwd, stateDir } = this.#need;
    this.#mountPoints = await openMountPoints({ cwd, stateDir });
    await this.#request("initialize", {
      clientInfo: { name: "corral", title: "Corral", version: "0.1.0" },
      capabilities: { experimentalApi: true },
    });
    this.#peer.notify("initialized", undefined);
    if (this.#ways.apiKey) await this.#request("account/login/start", { type: "apiKey", apiKey: this.#ways.apiKey });
    const { how, thread } = await this.#openThread();
    this.#native = text(frame(thread.thread).id) ?? "";
    this.#model = text(thread.model) ?? "";
    this.#models = await this.#listModels();
    this.#set(this.#need.settings);
    const { version } = this.#need.programs;
    this.#started = {
      how,
      native: this.#native,
      pid: this.#child.pid,
      name: "Codex",
      ...(version ? { version } : {}),
      configOptions: this.#options(),
    };
  }

  async prompt(prompt: readonly ContentBlock[]): Promise<PromptResult> {
    const turn: RunningTurn = { cancelled: false, ended: Promise.withResolvers() };
    this.#turn = turn;
    this.#telling.begin();
    this.#meter.begin();
    try {
      const settings = turnSettings(modeOf(this.#mode), this.#model);
      const started = this.#request("turn/start", { threadId: this.#native, input: inputOf(prompt), ...settings });
      const [{ status, error }] = await Promise.all([turn.ended.promise, started]);
      if (status !== "completed") await this.#clean();
      if (status === "failed") throw failure(error);
      const usage = this.#meter.spent();
      return { stopReason: status === "interrupted" ? "cancelled" : "end_turn", ...(usage ? { usage } : {}) };
    } finally {
      this.#turn = undefined;
    }
  }

  cancel(): void {
    if (!this.#turn) return;
    this.#turn.cancelled = true;
    this.#interrupt(this.#turn);
  }

  readonly steer: NonNullable<Connection["steer"]> = async (prompt) => {
    const expectedTurnId = this.#turn?.id;
    if (expectedTurnId === undefined) {
      throw new Fault("harness.refused", { detail: "Codex has not taken the prompt yet, or has just ended its turn." });
    }
    await this.#request("turn/steer", { threadId: this.#native, expectedTurnId, input: inputOf(prompt) });
  };

  async configure(settings: Settings): Promise<void> {
    this.#set(settings);
    await this.#need.host.update({ sessionUpdate: "config_option_update", configOptions: this.#options() });
  }

  async close({ force = false } = {}): Promise<Exit> {
    await this.#child.close(force ? { eofMs: 0, termMs: 300 } : {});
    return this.exited;
  }

  #options(): readonly Frame[] {
    return configOptions(this.#mode, this.#model, this.#models);
  }

  /** Nothing is asked of Codex: the settings go with every prompt. What it does not offer is refused. */
  #set(settings: Settings): void {
    settingCalls(this.#native, { configOptions: this.#options() }, settings);
    this.#mode = settings.mode ?? this.#mode;
    this.#model = settings.model ?? this.#model;
  }

  /** A thread that cannot be had back is begun anew, and told what was said. */
  async #openThread(): Promise<Opened> {
    const { restore } = this.#need;
    if (restore) {
      const known = { threadId: restore.native, excludeTurns: true };
      const thread = await (restore.fork ? this.#fork(known) : this.#try("thread/resume", known));
      if (thread) return { how: restore.fork ? "fork" : "resume", thread };
    }
    // A thread whose pages are in a database cannot be forked in a copy of its home: the database names the first place.
    const thread = frame(await this.#request("thread/start", { ...this.#opening(), historyMode: "legacy" }));
    if (!text(frame(thread.thread).id)) {
      throw new Fault("harness.protocol", { detail: "thread/start was answered without the id of a thread." });
    }
    return { how: restore ? "replay" : "new", thread };
  }

  async #fork(known: Frame & { readonly threadId: string }): Promise<Frame | undefined> {
    const path = await rolloutOf(this.#ways.codexHome, known.threadId);
    return this.#try("thread/fork", { ...known, ...(path ? { path } : {}) });
  }

  #opening(): Frame {
    const { cwd, settings, mcpServers, options } = this.#need;
    const model = settings.model ?? gatewayOf(options).model;
    return {
      cwd,
      ...(model ? { model } : {}),
      approvalPolicy: modes[0].asks,
      sandbox: modes[0].id,
      config: { mcp_servers: mcpServersOf(mcpServers) },
    };
  }

  async #try(method: string, params: Frame): Promise<Frame | undefined> {
    try {
      return frame(await this.#peer.request(method, { ...this.#opening(), ...params }));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#peer.notice("unexpected_frame", `${method} was refused: ${error.message}`);
      return undefined;
    }
  }

  /** A gateway's models are those that it was given; otherwise Codex knows them. */
  async #listModels(): Promise<readonly ModelName[]> {
    const { baseUrl, model, models = [] } = gatewayOf(this.#need.options);
    if (baseUrl !== undefined) return [...(model ? [model] : []), ...models].map((id) => ({ id, name: id }));
    const { data: known } = frame(await this.#request("model/list", {}));
    return (Array.isArray(known) ? known.filter(isFrame) : []).flatMap(({ model: id, displayName }) =>
      typeof id === "string" ? [{ id, name: text(displayName) ?? id }] : [],
    );
  }

  #interrupt({ id: turnId }: RunningTurn): void {
    if (turnId === undefined) return;
    this.#peer.request("turn/interrupt", { threadId: this.#native, turnId }).catch((error: unknown) => {
      // Refused where the turn is over already, which is what was wanted; when Codex has died the prompt says so.
      if (error instanceof RpcError) this.#peer.notice("unexpected_frame", `turn/interrupt: ${error.message}`);
    });
  }

  /** An interrupted turn leaves its commands running until they are told to end. */
  async #clean(): Promise<void> {
    await this.#request("thread/backgroundTerminals/clean", { threadId: this.#native });
    await this.#mountPoints?.tidy();
  }

  async #request(method: string, params: Frame): Promise<unknown> {
    try {
      return await this.#peer.request(method, params);
    } catch (error) {
      throw refusal(error, method);
    }
  }

  #asks(method: string): Serve {
    return async (params, options) => {
      const asking = asks[method]?.(frame(params), (id) => this.#telling.open.get(id));
      return asking?.answer(await this.#need.host.ask(asking.question, options));
    };
  }

  #hear(method: string, params: Frame): Promise<void> | undefined {
    // Agents that Codex itself starts have threads of their own.
    if (params.threadId !== undefined && params.threadId !== this.#native) return undefined;
    if (method === "thread/tokenUsage/updated") this.#meter.note(frame(params.tokenUsage));
    if (method === "turn/started") return this.#begun(frame(params.turn));
    if (method === "turn/completed") return this.#over(frame(params.turn));
    const { turnId } = params;
    // The turn has its end; what was left of it is told there.
    if (turnId !== undefined && turnId !== this.#turn?.id) return undefined;
    return tellAll(this.#need.host, this.#telling.hear(method, params));
  }

  #begun({ id }: Frame): undefined {
    const turn = this.#turn;
    if (!turn || turn.id !== undefined || typeof id !== "string") return;
    turn.id = id;
    if (turn.cancelled) this.#interrupt(turn);
  }

  #over(ended: Frame): undefined {
    if (this.#turn && (this.#turn.id ?? ended.id) === ended.id) this.#turn.ended.resolve(ended);
  }

  /** A Codex that dies fails what waits for it at once, after the last thing it said was read. */
  async #watch(): Promise<Exit> {
    const { exit, reason } = await watchLife(this.#child, this.#peer);
    this.#turn?.ended.reject(reason);
    await this.#mountPoints?.tidy();
    return exit;
  }
}
