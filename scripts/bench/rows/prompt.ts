/** How long a prompt takes to its answer: ours kept on disk from prompt to end, the peer's echoed in memory. */
import type { Peer } from "../peer.ts";
import type { Row, Stage } from "../row.ts";
import { quantile } from "../stats.ts";

/** The peer is compiled already; we are while we run. */
const warmUp = 300;
const prompts = 400;

async function timesOf(one: () => Promise<unknown>): Promise<readonly number[]> {
  for (let at = 0; at < warmUp; at += 1) await one();
  const times: number[] = [];
  for (let at = 0; at < prompts; at += 1) {
    const began = performance.now();
    await one();
    times.push(performance.now() - began);
  }
  return times;
}

/** `waiting` holds one request until the turn has ended; `following` reads its events while it runs, as a person would. */
async function ourTimes({ ours, folder }: Stage, how: "waiting" | "following"): Promise<readonly number[]> {
  await using server = await ours.start();
  const { corral } = server;
  // Like the peer's, the agent itself keeps nothing; what is kept is kept by the daemon.
  const options = { story: { turns: [{ steps: [{ say: "ok" }] }] }, capabilities: [] };
  const session = await corral.sessions.open({ agent: "scripted", cwd: folder, options });
  const held = { params: { session: session.id }, query: { wait: "true" }, body: { prompt: "hi" } } as const;
  return await timesOf(async () => {
    const turn = how === "waiting" ? await corral.call("startTurn", held) : await session.prompt("hi");
    if (turn.outcome !== "completed") throw new Error(`a prompt ended as ${turn.outcome}`);
  });
}

/** Its mock answers whatever it is asked with an echo, and keeps nothing. */
async function echoTimes(peer: Peer): Promise<readonly number[]> {
  await using server = await peer.start();
  let id = 0;
  return await timesOf(async () => {
    id += 1;
    const params = { sessionId: "one", prompt: [{ type: "text", text: "hi" }] };
    const answer = await fetch(`${server.url}/v1/acp/bench?agent=mock`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id, method: "session/prompt", params }),
    });
    if (!answer.ok) throw new Error(`the peer answered ${answer.status}`);
    await answer.json();
  });
}

export const prompt: Row = {
  name: "prompt",
  says: "one prompt after the other through the SDK to a scripted agent and back, everything durable; the peer's: one request, an echo in memory",
  async measure(stage) {
    const waiting = await ourTimes(stage, "waiting");
    const following = await ourTimes(stage, "following");
    const their = stage.peer && (await echoTimes(stage.peer));
    const of = (our: readonly number[], part: number) => ({
      unit: "ms",
      ours: quantile(our, part),
      peer: their && quantile(their, part),
    });
    return [
      { what: "one waiting request, p50", ...of(waiting, 0.5), target: { of: "ratio", most: 3 } },
      { what: "one waiting request, p99", ...of(waiting, 0.99) },
      { what: "followed by its events, p50", ...of(following, 0.5) },
      { what: "followed by its events, p99", ...of(following, 0.99) },
    ];
  },
};
