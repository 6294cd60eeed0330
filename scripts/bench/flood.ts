/** An agent that says thousands of things at once, and all who follow it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Server } from "./child.ts";
import type { Followed } from "./followers.ts";
import type { Started } from "./ours.ts";
import type { Stage } from "./row.ts";
import { runProgram } from "./worker.ts";

export interface FloodNeed {
  readonly updates: number;
  readonly followers: number;
}

export interface Flood {
  /** From the prompt to the last event that any follower got. */
  readonly ms: number;
  readonly deliveredPerSecond: number;
  /** The most that one follower missed. */
  readonly lost: number;
}

const mark = "agent_message_chunk";
const idleMs = 4_000;
const storyOf = (updates: number) => ({ turns: [{ steps: [{ flood: updates }] }] });

/** Followers are shared out among two processes, so that counting is not what is measured. */
function startFollowers(server: Server, path: string, { updates, followers }: FloodNeed) {
  const shares = followers > 1 ? [Math.ceil(followers / 2), Math.floor(followers / 2)] : [1];
  const running = shares.map((share) =>
    runProgram<Followed>("followers", {
      port: server.port,
      path,
      followers: share,
      mark,
      events: updates,
      idleMs,
    }),
  );
  return {
    ready: Promise.all(running.map(({ ready }) => ready)),
    results: Promise.all(running.map((one) => one.result)),
  };
}

function sumOf(results: readonly Followed[], began: number, { updates }: FloodNeed): Flood {
  const ms = Math.max(...results.map(({ lastMs }) => lastMs)) - began;
  const events = results.reduce((sum, one) => sum + one.events, 0);
  return {
    ms,
    deliveredPerSecond: (events * 1000) / ms,
    lost: updates - Math.min(...results.map(({ fewest }) => fewest)),
  };
}

export async function ourFlood(server: Started, folder: string, need: FloodNeed): Promise<Flood> {
  const options = { story: storyOf(need.updates) };
  const session = await server.corral.sessions.open({ agent: "scripted", cwd: folder, options });
  const { ready, results } = startFollowers(server, `/v1/sessions/${session.id}/events?after=0`, need);
  await ready;
  const began = Date.now();
  const turn = session.prompt("go");
  const flood = sumOf(await results, began, need);
  await turn;
  return flood;
}

/** The same agent, in the place of the peer's mock. */
export async function peerFlood({ ours, peer, folder }: Stage, need: FloodNeed): Promise<Flood | undefined> {
  if (!peer) return undefined;
  const story = join(folder, `flood-${need.updates}.json`);
  await writeFile(story, JSON.stringify(storyOf(need.updates)));
  await using server = await peer.start([process.execPath, ours.agent, "--story", story, "--state", folder]);
  const url = `${server.url}/v1/acp/flood?agent=mock`;
  let id = 0;
  const ask = async (method: string, params: unknown): Promise<{ result?: { sessionId?: string } }> => {
    id += 1;
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    return (await answer.json()) as { result?: { sessionId?: string } };
  };
  await ask("initialize", { protocolVersion: 1, clientCapabilities: {} });
  const opened = await ask("session/new", { cwd: folder, mcpServers: [] });
  const { ready, results } = startFollowers(server, "/v1/acp/flood", need);
  await ready;
  const began = Date.now();
  const sessionId = opened.result?.sessionId;
  const turn = ask("session/prompt", { sessionId, prompt: [{ type: "text", text: "go" }] });
  const flood = sumOf(await results, began, need);
  await turn;
  return flood;
}
