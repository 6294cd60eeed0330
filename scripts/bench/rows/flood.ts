/** Whether followers miss anything of an agent that floods, and how fast many are told. */
import { type Flood, type FloodNeed, ourFlood, peerFlood } from "../flood.ts";
import type { Figure, Row, Stage, Target } from "../row.ts";

const updates = 20_000;

async function floods(stage: Stage, need: FloodNeed): Promise<{ our: Flood; their: Flood | undefined }> {
  stage.say(`${need.followers} followers`);
  await using server = await stage.ours.start();
  const our = await ourFlood(server, stage.folder, need);
  return { our, their: await peerFlood(stage, need) };
}

async function figuresOf(stage: Stage, followers: number): Promise<readonly Figure[]> {
  const { our, their } = await floods(stage, { updates, followers });
  const to = `to ${followers}`;
  return [
    { what: `lost, ${to}`, unit: "events", ours: our.lost, peer: their?.lost, target: { of: "ours", most: 0 } },
    { what: `delivered, ${to}`, unit: "events/s", ours: our.deliveredPerSecond, peer: their?.deliveredPerSecond },
  ];
}

export const flood: Row = {
  name: "flood",
  says: `${updates} updates of one agent as fast as it can, to all who follow; lost is what the unluckiest follower missed`,
  measure: async (stage) => [...(await figuresOf(stage, 1)), ...(await figuresOf(stage, 100))],
};

const least: Target = { of: "ours", least: 1_000_000 };

export const fanOut: Row = {
  name: "fan-out",
  says: "5000 updates of one agent to 500 followers, while they are written",
  async measure(stage) {
    const { our, their } = await floods(stage, { updates: 5_000, followers: 500 });
    return [
      {
        what: "delivered",
        unit: "events/s",
        ours: our.deliveredPerSecond,
        peer: their?.deliveredPerSecond,
        target: least,
      },
      { what: "lost", unit: "events", ours: our.lost, peer: their?.lost, target: { of: "ours", most: 0 } },
    ];
  },
};
