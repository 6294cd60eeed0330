/** How long a prompt takes to its answer: ours kept on disk from prompt to end, the peer's in memory, each asked in the same manner. */
import { loadPeerSdk, type PeerSdk } from "../peer-sdk.ts";
import { type Contender, type How, peerThroughSdk, plainPeer, us } from "../prompters.ts";
import type { Figure, Row, Stage } from "../row.ts";
import { quantile } from "../stats.ts";

/** The peer is compiled before it starts; a daemon at work has been compiled by what it did before. */
const warmUp = 2_000;
/** In turns, so that whatever else the machine does meets all of them alike. */
const rounds = 16;
const promptsOfRound = 25;

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

async function sdkOf({ peer, say }: Stage): Promise<PeerSdk | undefined> {
  if (!peer) return undefined;
  try {
    return await loadPeerSdk(peer.folder);
  } catch (error) {
    say(`the peer's SDK could not be loaded: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** The peer in the same manner; without its SDK it is asked as plainly as it can be. */
async function them(stage: Stage, how: How, sdk: PeerSdk | undefined): Promise<Contender | undefined> {
  const { peer } = stage;
  if (!peer) return undefined;
  if (!sdk || how === "plain") return await plainPeer(peer);
  return await peerThroughSdk(stage, peer, { sdk, how });
}

/** With nobody else at work: each way of asking is measured beside the peer for itself. */
async function beside(stage: Stage, how: How, sdk: PeerSdk | undefined) {
  await using stack = new AsyncDisposableStack();
  const our = stack.use(await us(stage, how));
  const their = stack.use(await them(stage, how, sdk));
  const [ourTimes = [], theirTimes] = await timesOf(their ? [our, their] : [our]);
  return (part: number) => ({
    unit: "ms",
    ours: quantile(ourTimes, part),
    peer: theirTimes && quantile(theirTimes, part),
  });
}

export const prompt: Row = {
  name: "prompt",
  says: "one prompt after the other to a scripted agent and back, everything durable; the peer's in memory: one plain request to its mock, which echoes it, and the same scripted agent through its SDK",
  async measure(stage) {
    const sdk = await sdkOf(stage);
    const instead = stage.peer && !sdk ? " (the peer's SDK could not be loaded: beside its plain echo)" : "";
    const figures = async (what: string, how: How): Promise<readonly [Figure, Figure]> => {
      const at = await beside(stage, how, sdk);
      return [
        { what: `${what}, p50`, ...at(0.5) },
        { what: `${what}, p99`, ...at(0.99) },
      ];
    };
    const [middle, last] = await figures("one plain request", "plain");
    return [
      { ...middle, target: { of: "ratio", most: 3 } },
      last,
      ...(await figures(`through the SDK${instead}`, "waiting")),
      ...(await figures(`followed by its events${instead}`, "following")),
    ];
  },
};
