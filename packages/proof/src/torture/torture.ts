/** The proof that nobody who follows a session loses, repeats or mixes up an event, whatever the road and the daemon do. */
import { join } from "node:path";
import { bounded } from "../bounded.ts";
import { didEnough, type Least } from "../enough.ts";
import { type Proof, type ProofContext, type ProofRow, proved } from "../proof.ts";
import { createChance, freshSeed } from "../seeded.ts";
import { playRound, type Round, type RoundSize } from "./round.ts";

/** Seeds that have found something once; they are played again for ever. */
export const keptSeeds: readonly number[] = [7_665_222];

const freshRounds = { quick: 1, whole: 8 };
const quickSize: RoundSize = { sessions: 2, prompts: 5, followers: 8, kills: 2 };
const wholeSize: RoundSize = { sessions: 3, prompts: 10, followers: 8, kills: 2 };
/** A good road shows nothing, and neither do followers who are told no more than there is. */
const leastOf = ({ events, seeds }: { readonly events: number; readonly seeds: number }): Least => ({
  rounds: seeds,
  events: seeds,
  told: events + 1,
  cuts: seeds,
  duplicates: 1,
});
const roundLimitMs = 300_000;

const playSeed = (context: ProofContext, seed: number): Promise<Round> =>
  bounded({ ...context, limitMs: roundLimitMs }, (signal) =>
    playRound({
      ...context,
      folder: join(context.folder, `torture-${seed}`),
      chance: createChance(seed),
      size: context.quick ? quickSize : wholeSize,
      signal,
    }),
  );

const empty: Round = { failures: [], events: 0, told: 0, visits: 0, road: { connections: 0, cuts: 0, duplicates: 0 } };

async function attempt(context: ProofContext, seed: number): Promise<Round> {
  try {
    return await playSeed(context, seed);
  } catch (error) {
    context.signal.throwIfAborted();
    return { ...empty, failures: [`the round did not end well: ${String(error)}`] };
  }
}

function seedsOf({ seed, quick, clock }: ProofContext): readonly number[] {
  if (seed !== undefined) return [seed];
  return [
    ...keptSeeds,
    ...Array.from({ length: quick ? freshRounds.quick : freshRounds.whole }, () => freshSeed(clock)),
  ];
}

const sumOf = (rounds: readonly Round[], pick: (round: Round) => number): number =>
  rounds.reduce((sum, round) => sum + pick(round), 0);

export const torture: Proof = {
  name: "torture",
  title: "Followers on bad roads see the log, the whole log and nothing else",
  async run(context) {
    const seeds = seedsOf(context);
    const rounds: Round[] = [];
    const rows: ProofRow[] = [];
    for (const seed of seeds) {
      const round = await attempt(context, seed);
      rounds.push(round);
      rows.push({ name: `seed ${seed}`, failures: round.failures });
      const { events, told, visits, road, failures } = round;
      context.tell(
        `torture: seed ${seed}: ${events} events, ${told} told in ${visits} visits, ${road.connections} connections ` +
          `(${road.cuts} cut, ${road.duplicates} doubled): ${failures.length === 0 ? "ok" : `FAILED: ${failures[0]}`}`,
      );
    }
    const figures = {
      rounds: rounds.filter(({ events }) => events > 0).length,
      events: sumOf(rounds, ({ events }) => events),
      told: sumOf(rounds, ({ told }) => told),
      visits: sumOf(rounds, ({ visits }) => visits),
      connections: sumOf(rounds, ({ road }) => road.connections),
      cuts: sumOf(rounds, ({ road }) => road.cuts),
      duplicates: sumOf(rounds, ({ road }) => road.duplicates),
    };
    const enough = didEnough(figures, leastOf({ events: figures.events, seeds: seeds.length }));
    return proved(seeds[0] ?? 0, [...rows, enough], figures);
  },
};
