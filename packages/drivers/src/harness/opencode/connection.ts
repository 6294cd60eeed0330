/** One conversation on a shared OpenCode server: asked over HTTP, heard over its stream of events. */
import {
  type ConnectNeed,
  crashed,
  type Exit,
  type Frame,
  frame,
  type How,
  type Lease,
  type Opening,
  type PromptResult,
  type Settings,
  type Started,
  settingCalls,
  tellAll,
} from "@corral/kernel";
import { type ContentBlock, Fault, isFault } from "@corral/protocol";
import { retold } from "../corrections/retold.ts";
import { gatewayOf } from "../gateway.ts";
import { text } from "../reading.ts";
import { gatewayModel, gatewayModels } from "./config.ts";
import { Grants } from "./grants.ts";
import type { Home } from "./homes.ts";
import type { Hub, Told } from "./hub.ts";
import { partsOf } from "./prompts.ts";
import type { Requests } from "./requests.ts";
import { Telling } from "./telling.ts";
import { questionOf } from "./tools.ts";
import { gone, ServedTurn } from "./turn.ts";

export interface ServedNeed {
  readonly need: ConnectNeed;
  readonly lease: Lease;
  readonly hub: Hub;
  readonly requests: Requests;
  readonly home: Home;
}

interface Model {
  readonly value: string;
  readonly name: string;
}

interface Asking {
  readonly asked: Frame;
  readonly over: AbortController;
}

/** How long a turn may take to end that was told to, before its connection is closed without it. */
const partingMs = 2_000;

const left: Exit = { code: 0, stderr: { head: [], tail: [], totalLines: 0, truncated: false } };

function modelParts(value: string): Frame {
  const slash = value.indexOf("/");
  return { model: { providerID: value.slice(0, slash), modelID: value.slice(slash + 1) } };
}

export class ServedConnection implements Opening {
  readonly forks = true;
  readonly images = true;
  readonly exited: Promise<Exit>;
  readonly #need: ConnectNeed;
  readonly #lease: Lease;
  readonly #hub: Hub;
  readonly #requests: Requests;
  readonly #home: Home;
  readonly #telling = new Telling();
  readonly #once;
  readonly #closed = Promise.withResolvers<Exit>();
  /** Questions that are open; each goes with its answer, its turn or the connection. */
  readonly #asking = new Map<string, Asking>();
  readonly #grants = new Grants();
  #started: Started | undefined;
  #native = "";
  #unlisten: () => void = () => undefined;
  #unwatch: () => void = () => undefined;
  #mode = "";
  #modes: readonly string[] = [];
  #model = "";
  #models: readonly Model[] = [];
  #turn: ServedTurn | undefined;
  /** The messages of turns before. */
  readonly #earlier = new Set<string>();
  /** Why nothing can be asked any more. */
  #over: Fault | undefined;
  #closing: Promise<Exit> | undefined;

  constructor({ need, lease, hub, requests, home }: ServedNeed) {
    this.#need = need;
    this.#lease = lease;
    this.#hub = hub;
    this.#requests = requests;
    this.#home = home;
    this.#once = retold(need.clock);
    this.exited = this.#closed.promise;
    this.#unwatch = hub.onEnd((exit) => this.#leave(crashed("opencode", exit), exit));
  }

  get started(): Started {
    if (!this.#started) throw new Fault("harness.start", { detail: "OpenCode has not opened its session yet." });
    return this.#started;
  }

  async open(): Promise<void> {
    const [{ how, native }, modes] = await Promise.all([this.#openConversation(), this.#requests.agents()]);
    this.#native = native;
    await this.#home.note(native);
    // Closed meanwhile: nobody would ever take the ear away again.
    if (this.#over) throw this.#over;
    this.#unlisten = this.#hub.listen(native, (told) => this.#hear(told));
    this.#modes = modes;
    this.#mode = modes.includes("build") ? "build" : (modes[0] ?? "");
    await this.#findModels();
    this.#set(this.#need.settings);
    const { version } = this.#need.programs;
    this.#started = {
      how,
      native,
      pid: this.#lease.server.pid,
      name: "OpenCode",
      ...(version ? { version } : {}),
      configOptions: this.#options(),
    };
    await this.#removeForgotten();
  }

  async prompt(prompt: readonly ContentBlock[]): Promise<PromptResult> {
    if (this.#over) throw this.#over;
    const turn = new ServedTurn(this.#need.clock, this.#earlier);
    this.#turn = turn;
    this.#telling.begin();
    this.#once.prompt();
    try {
      const settings = {
        ...(this.#mode === "" ? {} : { agent: this.#mode }),
        ...(this.#model === "" ? {} : modelParts(this.#model)),
      };
      const taken = this.#requests.prompt(this.#native, { parts: partsOf(prompt), ...settings });
      const [result] = await Promise.all([turn.ended, taken]);
      return result;
    } catch (error) {
      // That the server has died says more than that a request to it was broken off.
      const reason = isFault(error, "harness.crashed") ? await this.#whyGone(error) : error;
      // It may have taken what it did not answer to, and would work on with nobody to hear it.
      if (!turn.over && !this.#over) await this.#within(this.#abort());
      throw reason;
    } finally {
      turn.leave();
      this.#turn = undefined;
      this.#withdraw();
      if (turn.raw) this.#need.host.notice({ kind: "unexpected_frame", text: `OpenCode: ${turn.raw}` });
    }
  }

  cancel(): void {
    this.#turn?.cancel(() => void this.#abort());
  }

  async configure(settings: Settings): Promise<void> {
    this.#set(settings);
    await this.#need.host.update({ sessionUpdate: "config_option_update", configOptions: this.#options() });
  }

  close({ force = false }: { readonly force?: boolean } = {}): Promise<Exit> {
    this.#closing ??= this.#part(force);
    return this.#closing;
  }

  async #part(force: boolean): Promise<Exit> {
    const turn = this.#over ? undefined : this.#turn;
    if (turn) {
      turn.cancel(() => undefined);
      // The server lives on for others, so what it does for this session is ended, and not just no longer heard.
      await this.#within(this.#abort());
      if (!force) await this.#within(turn.ended);
    }
    this.#leave(gone(), left);
    return this.exited;
  }

  /** Nothing more is asked or heard; what waits is told why. Only the first reason counts. */
  #leave(reason: Fault, exit: Exit): void {
    if (this.#over) return;
    this.#over = reason;
    this.#unwatch();
    this.#unlisten();
    this.#withdraw();
    this.#turn?.fail(reason);
    this.#lease.leave();
    this.#closed.resolve(exit);
  }

  async #within(ended: Promise<unknown>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const takeBack = this.#need.clock.after(partingMs, resolve);
    // How it ended is the prompt's to tell.
    await Promise.race([ended.catch(() => undefined), late]);
    takeBack();
  }

  async #whyGone(error: Fault): Promise<Fault> {
    await this.#within(this.exited);
    return this.#over ?? error;
  }

  /** A server that cannot be told to stop hangs, and is ended for all who use it. */
  async #abort(): Promise<void> {
    try {
      await this.#requests.abort(this.#native);
    } catch (error) {
      this.#need.host.notice({ kind: "unexpected_frame", text: `OpenCode was not told to stop: ${String(error)}` });
      await this.#endServer();
    }
  }

  /** A conversation that cannot be had back is begun anew, and told what was said. */
  async #openConversation(): Promise<{ readonly how: How; readonly native: string }> {
    const { restore } = this.#need;
    if (restore?.fork) {
      const native = await this.#requests.fork(restore.native);
      if (native !== undefined) return { how: "fork", native };
    } else if (restore && (await this.#requests.exists(restore.native))) {
      return { how: "resume", native: restore.native };
    }
    return { how: restore ? "replay" : "new", native: await this.#requests.create() };
  }

  /** A gateway's models are those that it was given; otherwise OpenCode knows them. */
  async #findModels(): Promise<void> {
    const { options } = this.#need;
    const { baseUrl, model } = gatewayOf(options);
    if (baseUrl !== undefined) {
      this.#models = gatewayModels(options).map((name) => ({ value: gatewayModel(name), name }));
      this.#model = this.#models[0]?.value ?? "";
      return;
    }
    const known = await this.#requests.providers();
    this.#models = known.providers.flatMap(({ id, models }) =>
      Object.values(models).map((one) => ({ value: `${id}/${one.id}`, name: one.name })),
    );
    const [first] = Object.entries(known.default).map(([provider, name]) => `${provider}/${name}`);
    this.#model = model ?? first ?? "";
  }

  #options(): readonly Frame[] {
    const select = (id: "mode" | "model", name: string, currentValue: string, options: readonly Model[]) =>
      options.length === 0 ? [] : [{ id, name, category: id, type: "select", currentValue, options }];
    const modes = this.#modes.map((value) => ({ value, name: value }));
    return [...select("mode", "Mode", this.#mode, modes), ...select("model", "Model", this.#model, this.#models)];
  }

  /** Nothing is asked of OpenCode: the settings go with every prompt. What it does not offer is refused. */
  #set(settings: Settings): void {
    settingCalls(this.#native, { configOptions: this.#options() }, settings);
    this.#mode = settings.mode ?? this.#mode;
    this.#model = settings.model ?? this.#model;
  }

  /** Conversations of sessions that were removed are removed from what the servers share. */
  async #removeForgotten(): Promise<void> {
    for (const native of await this.#home.forgotten()) {
      await this.#requests.remove(native);
      await this.#home.forget(native);
    }
  }

  #hear({ type, properties, own }: Told): Promise<void> | undefined {
    if (type === "permission.asked") void this.#ask(properties);
    if (type === "permission.replied") this.#asking.get(text(properties.requestID))?.over.abort();
    if (type === "question.asked") void this.#settle("question", this.#requests.reject(text(properties.id)));
    if (!this.#turn) {
      if (type === "message.updated") this.#earlier.add(text(frame(properties.info).id));
      return undefined;
    }
    if (!this.#turn.hear(type, properties, own) || !own) return undefined;
    return tellAll(
      this.#need.host,
      this.#telling.hear(type, properties).flatMap((update) => this.#once.update(update)),
    );
  }

  async #ask(asked: Frame): Promise<void> {
    const id = text(asked.id);
    if (this.#grants.cover(asked)) return this.#answer(id, "once");
    const over = new AbortController();
    this.#asking.set(id, { asked, over });
    const reply = await this.#need.host.ask(questionOf(asked), { signal: over.signal });
    this.#asking.delete(id);
    // Whoever withdrew it has answered it.
    if (over.signal.aborted) return;
    const option = reply.outcome === "selected" ? reply.option.optionId : "reject";
    if (option === "always") await this.#grant(asked);
    // Whom OpenCode allows something for always, it allows it for every session of the directory.
    await this.#answer(id, option === "always" ? "once" : option);
  }

  /** From now on this is not asked again in this session, and what was asked already is answered with it. */
  async #grant(asked: Frame): Promise<void> {
    this.#grants.add(asked);
    const covered = [...this.#asking].filter(([, asking]) => this.#grants.cover(asking.asked));
    for (const [, { over }] of covered) over.abort();
    await Promise.all(covered.map(([id]) => this.#answer(id, "once")));
  }

  #answer(id: string, reply: string): Promise<void> {
    return this.#settle("permission", this.#requests.answer(id, reply));
  }

  /** An answer that does not arrive leaves its turn waiting for ever, which is what a hanging server does. */
  async #settle(what: string, sent: Promise<void>): Promise<void> {
    try {
      await sent;
    } catch (error) {
      const why = frame(error).message ?? String(error);
      this.#need.host.notice({ kind: "unexpected_frame", text: `OpenCode's ${what} was not answered: ${text(why)}` });
      await this.#endServer();
    }
  }

  async #endServer(): Promise<void> {
    try {
      await this.#lease.server.close();
    } catch {
      // What could not be ended now is ended with the daemon; that it hangs was told already.
    }
  }

  #withdraw(): void {
    for (const { over } of this.#asking.values()) over.abort();
    this.#asking.clear();
  }
}
