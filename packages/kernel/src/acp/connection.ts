/** One harness process and the one session it plays: opened by the best way it offers, closed with everything it started. */
import { Fault, isTalk } from "@corral/protocol";
import type {
  Connection,
  ConnectNeed,
  How,
  PromptResult,
  Question,
  Reply,
  Settings,
  Started,
} from "../ports/harness.ts";
import type { Child, Exit } from "../process/process.ts";
import { watchAskedTools } from "./asked-tools.ts";
import { type Corrections, uncorrected } from "./corrections.ts";
import { tellAll, watchLife } from "./life.ts";
import { createPeer, type Peer } from "./peer.ts";
import { type Frame, RpcError, type Serve } from "./rpc.ts";
import {
  type AgentCard,
  type Choices,
  elicitationResult,
  permissionResult,
  readAgentCard,
  readChoices,
  readElicitation,
  readPermission,
  readPromptResult,
  readUpdate,
  refusal,
  settingCalls,
} from "./translate.ts";

export interface AcpWays {
  /** In which ways this harness may be brought back, best first. */
  readonly restores: readonly ("resume" | "load")[];
  /** Goes into `_meta` of every request that opens a session. */
  readonly meta?: Frame;
  readonly corrections?: Corrections;
}

const clientCapabilities = {
  fs: { readTextFile: true, writeTextFile: true },
  terminal: true,
  elicitation: { form: {} },
  session: { configOptions: { boolean: {} }, compaction: {}, notices: {} },
  plan: {},
};

interface Opened {
  readonly how: How;
  readonly native: string;
  readonly result: unknown;
}

export class AcpConnection implements Connection {
  readonly exited: Promise<Exit>;
  steer?: NonNullable<Connection["steer"]>;
  readonly #need: ConnectNeed;
  readonly #ways: AcpWays;
  readonly #corrections: Required<Corrections>;
  readonly #askedTools = watchAskedTools();
  readonly #child: Child;
  readonly #peer: Peer;
  #card: AgentCard = { loads: false, resumes: false, forks: false, closes: false, images: false, steers: false };
  #started: Started | undefined;
  #choices: Choices = { configOptions: [] };
  #native: string | undefined;
  #muted = false;

  constructor(need: ConnectNeed, ways: AcpWays, child: Child, serves: Readonly<Record<string, Serve>>) {
    this.#need = need;
    this.#ways = ways;
    this.#corrections = { ...uncorrected, ...ways.corrections };
    this.#child = child;
    this.#peer = createPeer({
      stdin: child.stdin,
      stdout: child.stdout,
      serves: {
        ...serves,
        "session/request_permission": async (params, options) =>
          permissionResult(await this.#ask(readPermission(params), options)),
        "elicitation/create": async (params, options) =>
          elicitationResult(await need.host.ask(readElicitation(params), options)),
      },
      onNotification: (method, params) => (method === "session/update" ? this.#update(params) : undefined),
      onNotice: (notice) => need.host.notice(notice),
    });
    this.exited = watchLife(child, this.#peer).then(({ exit }) => exit);
  }

  get started(): Started {
    if (!this.#started) throw new Fault("harness.start", { detail: "The harness has not opened its session yet." });
    return this.#started;
  }

  get forks(): boolean {
    return this.#card.forks;
  }

  get images(): boolean {
    return this.#card.images;
  }

  /** Brings the process to an open session with the wanted settings. */
  async open(): Promise<void> {
    const initialized = await this.#request("initialize", {
      protocolVersion: 1,
      clientInfo: { name: "corral", title: "Corral", version: "0.1.0" },
      clientCapabilities,
    });
    this.#card = readAgentCard(initialized);
    requireVersion(initialized);
    const { how, native, result } = await this.#openSession();
    this.#native = native;
    if (this.#card.steers) {
      this.steer = async (prompt) => void (await this.#request("_session/steering", { sessionId: native, prompt }));
    }
    this.#choices = readChoices(result);
    await this.configure(this.#need.settings);
    const { configOptions, modes } = this.#choices;
    const { name, version } = this.#card;
    this.#started = {
      how,
      native,
      pid: this.#child.pid,
      ...(name ? { name } : {}),
      ...(version ? { version } : {}),
      ...(configOptions.length > 0 ? { configOptions } : {}),
      ...(modes ? { modes } : {}),
    };
  }

  async configure(settings: Settings): Promise<void> {
    for (const { method, params } of settingCalls(this.#native ?? "", this.#choices, settings)) {
      const { configOptions } = readChoices(await this.#request(method, params));
      if (configOptions.length > 0) this.#choices = { ...this.#choices, configOptions };
    }
  }

  async prompt(prompt: readonly unknown[]): Promise<PromptResult> {
    this.#corrections.prompt();
    try {
      const result = await this.#request("session/prompt", { sessionId: this.#native, prompt });
      return readPromptResult(await this.#corrections.result(result));
    } finally {
      await tellAll(this.#need.host, [...this.#corrections.rest(), ...this.#askedTools.rest()]);
    }
  }

  cancel(): void {
    this.#peer.notify("session/cancel", { sessionId: this.#native });
  }

  async close({ force = false } = {}): Promise<Exit> {
    if (!force && this.#card.closes && this.#native) this.#sayGoodbye(this.#native);
    await this.#child.close(force ? { eofMs: 0, termMs: 300 } : {});
    return this.exited;
  }

  #sayGoodbye(native: string): void {
    this.#peer.request("session/close", { sessionId: native }).catch((error: unknown) => {
      // Refused or not heard: the closed pipe says the same. A harness that answers with an error is only noted.
      if (error instanceof RpcError) this.#peer.notice("unexpected_frame", `session/close: ${error.message}`);
    });
  }

  async #openSession(): Promise<Opened> {
    const { restore } = this.#need;
    if (restore?.fork && this.#card.forks) {
      const result = await this.#try("session/fork", { sessionId: restore.native });
      const native = readNative(result);
      if (native) return { how: "fork", native, result };
    }
    if (restore && !restore.fork) {
      const opened = await this.#restore(restore.native);
      if (opened) return opened;
    }
    const result = await this.#request("session/new", this.#opening({}));
    const native = readNative(result);
    if (!native) throw new Fault("harness.protocol", { detail: "session/new was answered without a sessionId." });
    return { how: restore ? "replay" : "new", native, result };
  }

  async #restore(native: string): Promise<Opened | undefined> {
    const can = { resume: this.#card.resumes, load: this.#card.loads };
    for (const how of this.#ways.restores) {
      if (!can[how]) continue;
      // The talk that a load tells again is in the log already; what it says of settings is news.
      this.#muted = how === "load";
      const result = await this.#try(`session/${how}`, { sessionId: native });
      this.#muted = false;
      if (result !== undefined) return { how, native: readNative(result) ?? native, result };
    }
    return undefined;
  }

  /** An answered error means that this way is closed, and there is another; a death does not. */
  async #try(method: string, params: Frame): Promise<unknown> {
    try {
      return (await this.#peer.request(method, this.#opening(params))) ?? {};
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#peer.notice("unexpected_frame", `${method} was refused: ${error.message}`);
      return undefined;
    }
  }

  #opening(params: Frame): Frame {
    const { cwd, mcpServers } = this.#need;
    const { meta } = this.#ways;
    return { ...params, cwd, mcpServers, ...(meta ? { _meta: meta } : {}) };
  }

  async #request(method: string, params: Frame): Promise<unknown> {
    try {
      return await this.#peer.request(method, params);
    } catch (error) {
      throw refusal(error, method);
    }
  }

  async #ask(question: Question, options: { readonly signal: AbortSignal }): Promise<Reply> {
    await tellAll(this.#need.host, this.#askedTools.asked(question));
    const reply = await this.#need.host.ask(question, options);
    this.#askedTools.answered(question, reply);
    return reply;
  }

  #update(params: unknown): Promise<void> | undefined {
    const said = readUpdate(params);
    if (!said) {
      this.#peer.notice("unexpected_frame", `session/update: ${JSON.stringify(params)}`);
      return undefined;
    }
    if ((this.#muted && isTalk(said.update)) || (this.#native !== undefined && said.native !== this.#native))
      return undefined;
    this.#askedTools.heard(said.update);
    return tellAll(this.#need.host, this.#corrections.update(said.update));
  }
}

function requireVersion(initialized: unknown): void {
  const version = (initialized as Frame | undefined)?.protocolVersion;
  if (typeof version !== "number" || version === 1) return;
  throw new Fault("harness.protocol", {
    detail: `The harness speaks version ${version} of the protocol, and was asked for version 1.`,
    help: "Use a release of the harness that speaks version 1.",
  });
}

const readNative = (result: unknown): string | undefined => {
  const native = (result as Frame | undefined)?.sessionId;
  return typeof native === "string" ? native : undefined;
};
