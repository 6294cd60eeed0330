/** One `pi --mode rpc` and the one conversation that it holds for a session. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type Child,
  type Connection,
  type ConnectNeed,
  createPeer,
  type Exit,
  type Frame,
  frame,
  frames,
  type How,
  isFrame,
  type Opening,
  type Peer,
  type PromptResult,
  RpcError,
  refusal,
  type Settings,
  type Started,
  settingCalls,
  tellAll,
  watchLife,
} from "@corral/kernel";
import { addUsage, type ContentBlock, Fault, type Usage } from "@corral/protocol";
import { retold } from "../corrections/retold.ts";
import { text } from "../reading.ts";
import { failure } from "./failure.ts";
import { gateCall, gateName, granted } from "./gate.ts";
import { promptOf } from "./prompts.ts";
import { type Answer, answerOf, updatesOf } from "./translate.ts";
import { translated } from "./wire.ts";

interface RunningTurn {
  cancelled: boolean;
  /** How the model's newest answer ended. */
  last?: Answer;
  usage: Usage;
  readonly settled: PromiseWithResolvers<void>;
}

export interface PiWays {
  /** Where this session's Pi keeps its conversations. */
  readonly sessionsDir: string;
}

const modelName = ({ provider, id }: Frame): string => `${text(provider)}/${text(id)}`;

export class PiConnection implements Opening {
  readonly forks = true;
  readonly images = true;
  readonly exited: Promise<Exit>;
  readonly #need: ConnectNeed;
  readonly #ways: PiWays;
  readonly #child: Child;
  readonly #peer: Peer;
  readonly #once;
  readonly #gated = Promise.withResolvers<void>();
  /** Tools that a person has allowed for as long as the process lives. */
  readonly #allowed = new Set<string>();
  #started: Started | undefined;
  #model = "";
  #models: readonly Frame[] = [];
  #turn: RunningTurn | undefined;

  constructor(need: ConnectNeed, child: Child, ways: PiWays) {
    this.#need = need;
    this.#ways = ways;
    this.#child = child;
    this.#once = retold(need.clock);
    this.#peer = createPeer({
      ...translated(child),
      serves: { dialog: (params, options) => this.#ask(frame(params), options) },
      onNotification: (method, params) => this.#hear(method, frame(params)),
      onNotice: (notice) => need.host.notice(notice),
    });
    this.exited = this.#watch();
  }

  get started(): Started {
    if (!this.#started) throw new Fault("harness.start", { detail: "Pi has not opened its session yet." });
    return this.#started;
  }

  async open(): Promise<void> {
    if (this.#need.mcpServers.length > 0) {
      throw new Fault("agent.cannot", {
        detail: "Pi knows nothing of MCP servers.",
        help: "Open the session without them, or choose another agent.",
      });
    }
    const how = await this.#openSession();
    // Without its gate it would use its tools unasked: then there is no session.
    await this.#gated.promise;
    const { sessionId, model } = await this.#request("get_state");
    this.#model = isFrame(model) ? modelName(model) : "";
    this.#models = frames((await this.#request("get_available_models")).models);
    await this.#set(this.#need.settings);
    const { version } = this.#need.programs;
    this.#started = {
      how,
      native: text(sessionId),
      pid: this.#child.pid,
      name: "Pi",
      ...(version ? { version } : {}),
      configOptions: this.#options(),
    };
  }

  async prompt(prompt: readonly ContentBlock[]): Promise<PromptResult> {
    const turn: RunningTurn = { cancelled: false, usage: {}, settled: Promise.withResolvers() };
    this.#turn = turn;
    this.#once.prompt();
    try {
      const taken = this.#request("prompt", promptOf(prompt)).then(() => {
        if (turn.cancelled) this.#abort();
      });
      await Promise.all([turn.settled.promise, taken]);
      return resultOf(turn);
    } finally {
      this.#turn = undefined;
    }
  }

  cancel(): void {
    if (!this.#turn) return;
    this.#turn.cancelled = true;
    this.#abort();
  }

  readonly steer: NonNullable<Connection["steer"]> = async (prompt) => {
    await this.#request("steer", promptOf(prompt));
  };

  async configure(settings: Settings): Promise<void> {
    await this.#set(settings);
    await this.#need.host.update({ sessionUpdate: "config_option_update", configOptions: this.#options() });
  }

  async close({ force = false } = {}): Promise<Exit> {
    await this.#child.close(force ? { eofMs: 0, termMs: 300 } : {});
    return this.exited;
  }

  #options(): readonly Frame[] {
    if (this.#models.length === 0) return [];
    const options = this.#models.map((model) => ({
      value: modelName(model),
      name: text(model.name) || text(model.id),
    }));
    return [{ id: "model", name: "Model", category: "model", type: "select", currentValue: this.#model, options }];
  }

  /** What Pi does not offer is refused before it is asked. */
  async #set(settings: Settings): Promise<void> {
    settingCalls("", { configOptions: this.#options() }, settings);
    const wanted = this.#models.find((model) => modelName(model) === settings.model);
    if (!wanted) return;
    await this.#request("set_model", { provider: wanted.provider, modelId: wanted.id });
    this.#model = modelName(wanted);
  }

  /** It begins with a conversation of its own, and is then led to the one that is wanted, if that can be found. */
  async #openSession(): Promise<How> {
    const { restore } = this.#need;
    if (!restore) return "new";
    const sessionPath = await this.#fileOf(restore.native);
    if (sessionPath === undefined || !(await this.#try("switch_session", { sessionPath }))) return "replay";
    if (!restore.fork) return "resume";
    // Not branched, it would go on under the name of the one that it comes from.
    return (await this.#try("clone", {})) ? "fork" : "replay";
  }

  async #fileOf(native: string): Promise<string | undefined> {
    const { sessionsDir } = this.#ways;
    const files = await readdir(sessionsDir, { recursive: true });
    const found = files.find((file) => file.endsWith(`_${native}.jsonl`));
    return found === undefined ? undefined : join(sessionsDir, found);
  }

  async #try(method: string, params: Frame): Promise<boolean> {
    try {
      return frame(await this.#peer.request(method, params)).cancelled !== true;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#peer.notice("unexpected_frame", `${method} was refused: ${error.message}`);
      return false;
    }
  }

  async #request(method: string, params: Frame = {}): Promise<Frame> {
    try {
      return frame(await this.#peer.request(method, params));
    } catch (error) {
      throw refusal(error, method);
    }
  }

  #abort(): void {
    this.#peer.request("abort", {}).catch((error: unknown) => {
      // Refused where nothing runs any more, which is what was wanted; when Pi has died the prompt says so.
      if (error instanceof RpcError) this.#peer.notice("unexpected_frame", `abort: ${error.message}`);
    });
  }

  /** There are no other extensions here than the gate; whoever else asks is told that nobody answers. */
  async #ask(params: Frame, options: { readonly signal: AbortSignal }): Promise<Frame> {
    const call = gateCall(params);
    if (!call) return { cancelled: true };
    if (this.#allowed.has(call.tool)) return { confirmed: true };
    const grant = granted(await this.#need.host.ask(call.question, options));
    if (grant === "always") this.#allowed.add(call.tool);
    return { confirmed: grant !== "no" };
  }

  #hear(method: string, params: Frame): Promise<void> | undefined {
    if (method === "shown" && params.statusKey === gateName) this.#gated.resolve();
    if (method === "extension_error")
      this.#peer.notice("unexpected_frame", `An extension of Pi: ${text(params.error)}`);
    const turn = this.#turn;
    if (!turn) return undefined;
    const answer = answerOf(method, params);
    if (answer) {
      turn.last = answer;
      turn.usage = addUsage(turn.usage, answer.usage);
    }
    // `agent_end` may be followed by another try; this is not.
    if (method === "agent_settled") turn.settled.resolve();
    return tellAll(
      this.#need.host,
      updatesOf(method, params).flatMap((update) => this.#once.update(update)),
    );
  }

  /** A Pi that dies fails what waits for it at once, after the last thing it said was read. */
  async #watch(): Promise<Exit> {
    const { exit, reason } = await watchLife(this.#child, this.#peer);
    this.#turn?.settled.reject(reason);
    return exit;
  }
}

function resultOf({ cancelled, last, usage }: RunningTurn): PromptResult {
  const counted = Object.keys(usage).length > 0 ? { usage } : {};
  if (cancelled || last?.stopReason === "aborted") return { stopReason: "cancelled", ...counted };
  if (last?.error !== undefined) throw failure(last.error);
  return { stopReason: last?.stopReason === "length" ? "max_tokens" : "end_turn", ...counted };
}
