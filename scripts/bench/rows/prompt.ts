/** How long a prompt takes to its answer: ours kept on disk from prompt to end, the peer's echoed in memory. */
import type { Turn } from "@corral/protocol";
import type { Peer } from "../peer.ts";
import type { Row, Stage } from "../row.ts";
import { quantile } from "../stats.ts";

/** The peer is compiled before it starts; a daemon at work has been compiled by what it did before. */
const warmUp = 2_000;
/** In turns, so that whatever else the machine does meets all of them alike. */
const rounds = 16;
const promptsOfRound = 25;

interface Contender extends AsyncDisposable {
  once(): Promise<void>;
}

async function addTimes(one: Contender, times: number[]): Promise<void> {
  for (let at = 0; at < promptsOfRound; at += 1) {
    const began = performance.now();
    await one.once();
    times.push(performance.now() - began);
  }
}

async function timesOf(contenders: readonly Contender[]): Promise<readonly (readonly number[])[]> {
  const all = contenders.map((one) => ({ one, times: [] as number[] }));
  for (const { one } of all) for (let at = 0; at < warmUp; at += 1) await one.once();
  for (let round = 0; round < rounds; round += 1) for (const { one, times } of all) await addTimes(one, times);
  return all.map(({ times }) => times);
}

async function post<Answer>(url: string, body: unknown): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return (await answer.json()) as Answer;
}

type How = "plain" | "waiting" | "following";

/**
 * `plain` posts one request, as the peer is asked; `waiting` does so through the SDK, which names it for a retry, so that the name is
 * kept as well; `following` reads the events while the turn runs, as a person would.
 */
async function us({ ours, folder }: Stage, how: How): Promise<Contender> {
  const server = await ours.start();
  const { corral, url } = server;
  // Like the peer's, the agent itself keeps nothing; what is kept is kept by the daemon.
  const options = { story: { turns: [{ steps: [{ say: "ok" }] }] }, capabilities: [] };
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

/** Its mock answers whatever it is asked with an echo, and keeps nothing. */
async function them(peer: Peer): Promise<Contender> {
  const server = await peer.start();
  let id = 0;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    async once() {
      id += 1;
      const params = { sessionId: "one", prompt: [{ type: "text", text: "hi" }] };
      await post(`${server.url}/v1/acp/bench?agent=mock`, { jsonrpc: "2.0", id, method: "session/prompt", params });
    },
  };
}

/** With nobody else at work: each way of asking is measured beside the peer for itself. */
async function beside(stage: Stage, how: How) {
  await using stack = new AsyncDisposableStack();
  const contenders = [stack.use(await us(stage, how))];
  if (stage.peer) contenders.push(stack.use(await them(stage.peer)));
  const [our = [], their] = await timesOf(contenders);
  return (part: number) => ({ unit: "ms", ours: quantile(our, part), peer: their && quantile(their, part) });
}

export const prompt: Row = {
  name: "prompt",
  says: "one prompt after the other to a scripted agent and back, everything durable; the peer's: one plain request, an echo in memory",
  async measure(stage) {
    const plain = await beside(stage, "plain");
    const waiting = await beside(stage, "waiting");
    const following = await beside(stage, "following");
    return [
      { what: "one plain request, p50", ...plain(0.5), target: { of: "ratio", most: 3 } },
      { what: "one plain request, p99", ...plain(0.99) },
      { what: "through the SDK, p50", ...waiting(0.5) },
      { what: "through the SDK, p99", ...waiting(0.99) },
      { what: "followed by its events, p50", ...following(0.5) },
      { what: "followed by its events, p99", ...following(0.99) },
    ];
  },
};
