/** The methods of ACP that the scripted harness answers. */
import { stat } from "node:fs/promises";
import { type Kept, replay } from "./history.ts";
import type { JsonObject } from "./json.ts";
import { blocksOf, directoryOf, storyOf, textOf, wordsOf } from "./params.ts";
import { codes, RpcError } from "./rpc-error.ts";
import { choose, configOptions, createSession, offers, type Session, stop } from "./session.ts";
import type { Capabilities, Capability, Story } from "./story-shape.ts";
import { prompt, type TurnNeed } from "./turn.ts";
import type { Answer, Served } from "./wire.ts";

export interface AgentNeed extends TurnNeed {
  readonly capabilities: Capabilities;
  /** What is played when a client sends no story along. */
  readonly story: Story;
}

export interface Agent extends Served {
  /** Cancels what runs; resolves when it has ended. */
  stop(): Promise<void>;
}

type Method = (params: JsonObject) => Promise<Answer>;

export function createAgent(need: AgentNeed): Agent {
  const sessions = new Map<string, Session>();
  const methods = { ...lifeMethods(need, sessions), ...workMethods(need, sessions) };
  return {
    async answer(method, params) {
      const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
      const needed = capabilityOf[method];
      if (known && (!needed || need.capabilities[needed])) return known(params);
      throw new RpcError(codes.methodMissing, `"Method not found": ${method}`, { method });
    },
    notice(method, { sessionId }) {
      const session = sessions.get(String(sessionId));
      if (method === "session/cancel" && session) stop(session);
    },
    async stop() {
      for (const session of sessions.values()) stop(session);
      await Promise.all([...sessions.values()].map(({ tail }) => tail));
    },
  };
}

const capabilityOf: Readonly<Record<string, Capability>> = {
  "session/load": "load",
  "session/resume": "resume",
  "session/fork": "fork",
  "session/close": "close",
  "session/list": "list",
  "_session/steering": "steer",
};

type Methods = Readonly<Record<string, Method>>;
type Sessions = Map<string, Session>;

const tell = async ({ wire }: AgentNeed, { id: sessionId }: Session, updates: Iterable<JsonObject>): Promise<void> => {
  for (const update of updates) await wire.notify("session/update", { sessionId, update });
};

/** Methods by which sessions come and go. */
function lifeMethods(need: AgentNeed, sessions: Sessions): Methods {
  return {
    initialize: async () => ({ result: introduction(need.capabilities) }),
    authenticate: async () => ({ result: {} }),
    ...openingMethods(need, sessions),
    async "session/close"(params) {
      const session = sessionOf(sessions, params);
      stop(session);
      sessions.delete(session.id);
      return { result: {} };
    },
    async "session/list"({ cwd }) {
      const kept = (await need.shelf.list()).filter((one) => typeof cwd !== "string" || one.cwd === cwd);
      return { result: { sessions: kept.map((one) => ({ sessionId: one.id, cwd: one.cwd })) } };
    },
  };
}

function openingMethods(need: AgentNeed, sessions: Sessions): Methods {
  const { shelf, machine } = need;
  const enter = (session: Session, result: JsonObject = {}): Answer => {
    sessions.set(session.id, session);
    return { result: { ...result, ...offers(session) }, afterwards: () => tell(need, session, commandsOf(session)) };
  };
  const add = async (kept: Kept, story: Story): Promise<Answer> => {
    const session = createSession(kept, story);
    await shelf.keep(session);
    return enter(session, { sessionId: session.id });
  };
  /** The session that is named, be it open here or kept from another life. */
  async function find(params: JsonObject): Promise<{ live?: Session; kept: Kept; story: Story }> {
    const id = textOf(params, "sessionId");
    const cwd = await existing(directoryOf(params));
    const live = sessions.get(id);
    const story = await chooseStory(params, live?.story ?? need.story);
    return { ...(live ? { live } : {}), story, kept: { ...(live ?? (await shelf.find(id)) ?? missing(id)), cwd } };
  }
  async function reopen(params: JsonObject): Promise<Session> {
    const { live, kept, story } = await find(params);
    return live ? Object.assign(live, { cwd: kept.cwd, story }) : createSession(kept, story);
  }
  return {
    async "session/new"(params) {
      const cwd = await existing(directoryOf(params));
      return add({ id: machine.newId(), cwd, messages: [], chosen: {} }, await chooseStory(params, need.story));
    },
    async "session/load"(params) {
      const session = await reopen(params);
      await tell(need, session, replay(session.messages));
      return enter(session);
    },
    "session/resume": async (params) => enter(await reopen(params)),
    async "session/fork"(params) {
      const { kept, story } = await find(params);
      return add({ ...kept, id: machine.newId() }, story);
    },
  };
}

const commandsOf = ({ story: { commands } }: Session): readonly JsonObject[] =>
  commands.length > 0 ? [{ sessionUpdate: "available_commands_update", availableCommands: commands }] : [];

/** Methods that do something in a session that is open. */
function workMethods(need: AgentNeed, sessions: Sessions): Methods {
  const set = async (params: JsonObject, setting: string, value: string): Promise<Session> => {
    const session = sessionOf(sessions, params);
    await tell(need, session, choose(session, setting, value));
    await need.shelf.keep(session);
    return session;
  };
  return {
    async "session/prompt"(params) {
      const session = sessionOf(sessions, params);
      const blocks = blocksOf(params);
      if (!need.capabilities.image && blocks.some(({ type }) => type === "image")) {
        throw new RpcError(codes.invalidParams, "Images are not taken: initialize answered image: false");
      }
      return prompt(need, session, blocks);
    },
    async "session/set_mode"(params) {
      await set(params, "mode", textOf(params, "modeId"));
      return { result: {} };
    },
    async "session/set_config_option"(params) {
      const session = await set(params, textOf(params, "configId"), textOf(params, "value"));
      return { result: { configOptions: configOptions(session) } };
    },
    async "_session/steering"(params) {
      const session = sessionOf(sessions, params);
      if (session.prompts.size === 0) throw new RpcError(codes.invalidParams, "There is no running turn to steer");
      session.steering.push(wordsOf(blocksOf(params)));
      return { result: {} };
    },
  };
}

const introduction = (can: Capabilities): JsonObject => ({
  protocolVersion: 1,
  agentInfo: { name: "corral-scripted", title: "Scripted harness", version: "0.1.0" },
  authMethods: [],
  agentCapabilities: {
    loadSession: can.load,
    promptCapabilities: { image: can.image, audio: false, embeddedContext: true },
    sessionCapabilities: Object.fromEntries(
      (["resume", "fork", "close", "list"] as const).filter((name) => can[name]).map((name) => [name, {}]),
    ),
  },
  ...(can.steer ? { _meta: { steering: { supported: true } } } : {}),
});

function missing(id: string): never {
  throw new RpcError(codes.invalidParams, `There is no session '${id}'`);
}

const sessionOf = (sessions: ReadonlyMap<string, Session>, params: JsonObject): Session => {
  const id = textOf(params, "sessionId");
  return sessions.get(id) ?? missing(id);
};

async function existing(cwd: string): Promise<string> {
  const found = await stat(cwd).catch(() => undefined); // Whatever the reason, it is no directory to work in.
  if (found?.isDirectory()) return cwd;
  throw new RpcError(codes.invalidParams, `cwd '${cwd}' is not a directory`);
}

/** The reader of stories is loaded only when there is one: it would double the time to start. */
async function chooseStory(params: JsonObject, otherwise: Story): Promise<Story> {
  const written = storyOf(params);
  if (written === undefined) return otherwise;
  const { checkStory } = await import("./story.ts");
  try {
    return checkStory(written, "the story in _meta");
  } catch (error) {
    if (error instanceof Error) throw new RpcError(codes.invalidParams, error.message, { code: "story.invalid" });
    throw error;
  }
}
