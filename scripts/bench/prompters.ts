/** Those who are prompted by the bench: our daemon in each way of asking it, and the peer in the way nearest to each. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Turn } from "@corral/protocol";
import type { Server } from "./child.ts";
import type { Peer } from "./peer.ts";
import { isWord, type PeerSdk, type PeerSession } from "./peer-sdk.ts";
import type { Stage } from "./row.ts";

export interface Contender extends AsyncDisposable {
  once(): Promise<void>;
}

export type How = "plain" | "waiting" | "following";

const story = { turns: [{ steps: [{ say: "ok" }] }] };
const parts = [{ type: "text", text: "hi" }] as const;

async function post<Answer>(url: string, body: unknown): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return (await answer.json()) as Answer;
}

/**
 * `plain` posts one request, as the peer is asked; `waiting` does so through the SDK, which names it for a retry, so that the name is
 * kept as well; `following` reads the events while the turn runs, as a person would.
 */
export async function us({ ours, folder }: Stage, how: How): Promise<Contender> {
  const server = await ours.start();
  const { corral, url } = server;
  // Like the peer's, the agent itself keeps nothing; what is kept is kept by the daemon.
  const options = { story, capabilities: [] };
  const session = await corral.sessions.open({ agent: "scripted", cwd: folder, options });
  const [path, body] = [`${url}/v1/sessions/${session.id}/turns?wait=true`, { prompt: "hi" }];
  const held = { params: { session: session.id }, query: { wait: "true" }, body } as const;
  const ways: Readonly<Record<How, () => Promise<Pick<Turn, "outcome">>>> = {
    plain: () => post(path, body),
    waiting: () => corral.call("startTurn", held),
    following: async () => await session.prompt("hi"),
  };
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    async once() {
      const { outcome } = await ways[how]();
      if (outcome !== "completed") throw new Error(`a prompt ended as ${outcome}`);
    },
  };
}

/** The peer's mock answers whatever it is asked with an echo, and keeps nothing. */
export async function plainPeer(peer: Peer): Promise<Contender> {
  const server = await peer.start();
  let id = 0;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    async once() {
      id += 1;
      const params = { sessionId: "one", prompt: parts };
      await post(`${server.url}/v1/acp/bench?agent=mock`, { jsonrpc: "2.0", id, method: "session/prompt", params });
    },
  };
}

/** It may be lost on its way, and a bench that waits for it must end. */
const hearLimitMs = 5_000;

/** Resolves when the agent has said its next word. */
function nextWord(session: PeerSession): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const lost = () => reject(new Error(`the peer told nothing of a prompt within ${hearLimitMs} ms`));
  const late = setTimeout(lost, hearLimitMs);
  const stop = session.onEvent((event) => {
    if (isWord(event)) resolve();
  });
  return promise.finally(() => {
    clearTimeout(late);
    stop();
  });
}

type Prompted = (session: PeerSession) => Promise<{ readonly stopReason?: string }>;

const sdkWays: Readonly<Record<Exclude<How, "plain">, Prompted>> = {
  waiting: (session) => session.prompt(parts),
  following: async (session) => (await Promise.all([session.prompt(parts), nextWord(session)]))[0],
};

/** The agent that we ask as well, in the place of the mock and keeping nothing. */
async function startWithOurAgent({ ours, folder }: Stage, peer: Peer): Promise<Server> {
  const file = join(folder, "prompt.json");
  await writeFile(file, JSON.stringify(story));
  return await peer.start([process.execPath, ours.agent, "--story", file, "--state", folder, "--capabilities", ""]);
}

/**
 * The peer through its SDK, which keeps the events in the memory of whoever asks, as it does unless told otherwise. Its own mock cannot be
 * asked so: it echoes the opening of a session too and gives it no name, without which the SDK opens one session after the other for a
 * prompt, without end.
 */
export async function peerThroughSdk(stage: Stage, peer: Peer, by: { sdk: PeerSdk; how: keyof typeof sdkWays }) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startWithOurAgent(stage, peer));
  const client = await by.sdk.SandboxAgent.connect({ baseUrl: server.url });
  stack.defer(() => client.dispose());
  const session = await client.createSession({ agent: "mock", cwd: stage.folder });
  if (session.agentSessionId === undefined) throw new Error("the peer's SDK opened a session that has no name");
  const kept = stack.move();
  return {
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
    async once() {
      const { stopReason } = await sdkWays[by.how](session);
      if (stopReason !== "end_turn") throw new Error(`a prompt of the peer's ended as ${stopReason}`);
    },
  } satisfies Contender;
}
