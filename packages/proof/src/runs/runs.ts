/** The proof that a thousand runs leave nothing behind, and a daemon that is as small as before. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@corral/client";
import { bounded } from "../bounded.ts";
import { House } from "../cell/house.ts";
import { didEnough, type Least } from "../enough.ts";
import { type Proof, type ProofContext, type ProofRow, proved } from "../proof.ts";
import { type Chance, createChance, freshSeed } from "../seeded.ts";
import { growthOf, judge } from "./flat.ts";
import { deal, kinds, type RunKind } from "./kinds.ts";
import { makeRun } from "./one-run.ts";
import { type Sample, takeSample } from "./sample.ts";
import { settling } from "./settle.ts";

const sizes = { quick: { runs: 120, block: 24 }, whole: { runs: 1_000, block: 40 } };
/** In a few runs the rarest kinds may not come. */
const least: { readonly quick: Least; readonly whole: Least } = {
  quick: { runs: 120, kinds: Math.ceil(kinds.length / 2) },
  whole: { runs: 1_000, kinds: kinds.length },
};
const atOnce = 10;
const runLimitMs = 120_000;

interface Shop extends ProofContext {
  readonly house: House;
  readonly settleFile: string;
  readonly chance: Chance;
  readonly cwd: string;
  /** What went wrong with runs of each kind. */
  readonly failures: Map<string, string[]>;
  /** Runs that were made to their end, by their kinds. */
  readonly made: Map<string, number>;
  /** How long the slowest run took, and of what kind it was. */
  readonly slowest: { seconds: number; kind: string };
}

async function tryRun(shop: Shop, at: number, kind: RunKind): Promise<void> {
  const { house, failures } = shop;
  const cwd = join(shop.cwd, `run-${at}`);
  const sinceMs = shop.clock.monotonicMs();
  try {
    await mkdir(cwd);
    const found = await bounded({ ...shop, limitMs: runLimitMs }, (signal) =>
      makeRun({ corral: connect({ url: house.url, token: house.token, signal }), cwd, kind, signal }),
    );
    shop.made.set(kind.name, (shop.made.get(kind.name) ?? 0) + 1);
    failures.get(kind.name)?.push(...found.map((says) => `run ${at}: ${says}`));
  } catch (error) {
    shop.signal.throwIfAborted();
    failures.get(kind.name)?.push(`run ${at}: ${String(error)}`);
  }
  const seconds = Math.round((shop.clock.monotonicMs() - sinceMs) / 100) / 10;
  if (seconds > shop.slowest.seconds) Object.assign(shop.slowest, { seconds, kind: kind.name });
}

/** The kinds are dealt before they are played, so that chance does not depend on who is faster. */
async function playBlock(shop: Shop, from: number, count: number): Promise<void> {
  const dealt = Array.from({ length: count }, (_, at) => ({ at: from + at, kind: deal(shop.chance.below) }));
  const work = async () => {
    for (let next = dealt.shift(); next; next = dealt.shift()) await tryRun(shop, next.at, next.kind);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function playAll(shop: Shop): Promise<readonly Sample[]> {
  const { quick, tell, clock } = shop;
  const { runs, block } = quick ? sizes.quick : sizes.whole;
  const startedMs = clock.monotonicMs();
  const samples = [await takeSample(shop, 0)];
  for (let done = 0; done < runs; ) {
    const count = Math.min(block, runs - done);
    await playBlock(shop, done + 1, count);
    done += count;
    const sample = await takeSample(shop, done);
    samples.push(sample);
    const wrong = [...shop.failures.values()].flat().length;
    const seconds = Math.round((clock.monotonicMs() - startedMs) / 1_000);
    tell(
      `runs: ${done} of ${runs} after ${seconds} s, ${megabytes(sample.residentBytes)} MB (${megabytes(sample.heldBytes)} held), ${wrong} failures`,
    );
  }
  return samples;
}

const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 102.4) / 10;

function figuresOf(samples: readonly Sample[], tookMs: number): Readonly<Record<string, number>> {
  const memory = growthOf(samples, (one) => one.residentBytes);
  const held = growthOf(samples, (one) => one.heldBytes);
  const state = growthOf(samples, (one) => one.stateBytes);
  const last = samples.at(-1);
  return {
    seconds: Math.round(tookMs / 1_000),
    "memory before MB": megabytes(samples[0]?.residentBytes ?? 0),
    "memory earlier MB": megabytes(memory.earlier),
    "memory later MB": megabytes(memory.later),
    "held earlier MB": megabytes(held.earlier),
    "held later MB": megabytes(held.later),
    "state earlier MB": megabytes(state.earlier),
    "state later MB": megabytes(state.later),
    "open files gained": last?.openedFiles.length ?? 0,
    "run folders kept": last?.runFolders ?? 0,
  };
}

/** What a daemon needs to write anything at all is there from its first write on; what it holds beyond that is held too long. */
async function warmUp(house: House, cwd: string, { signal }: ProofContext): Promise<void> {
  const session = await connect({ url: house.url, token: house.token, signal }).sessions.open({
    agent: "scripted",
    cwd,
  });
  await session.remove();
  house.remember();
}

async function run(context: ProofContext) {
  const { clock } = context;
  const seed = context.seed ?? freshSeed(clock);
  const folder = join(context.folder, "runs");
  const cwd = join(folder, "work");
  await mkdir(cwd, { recursive: true });
  const settleFile = join(folder, "settled.json");
  const corral = settling(context.corral, settleFile);
  await using house = await House.open({ ...context, corral, folder: join(folder, "house") });
  const failures = new Map<string, string[]>(kinds.map(({ name }) => [name, []]));
  await warmUp(house, cwd, context);
  const startedMs = clock.monotonicMs();
  const slowest = { seconds: 0, kind: "none" };
  const made = new Map<string, number>();
  const chance = createChance(seed);
  const samples = await playAll({ ...context, house, settleFile, chance, cwd, failures, made, slowest });
  const rows: ProofRow[] = [...failures].map(([name, found]) => ({ name, failures: found }));
  const verdicts = judge(samples);
  const figures = {
    runs: [...made.values()].reduce((sum, times) => sum + times, 0),
    kinds: made.size,
    ...figuresOf(samples, clock.monotonicMs() - startedMs),
    "slowest run": `${slowest.seconds} s (${slowest.kind})`,
  };
  const enough = didEnough(figures, context.quick ? least.quick : least.whole);
  return proved(seed, [...rows, ...verdicts, enough], figures);
}

export const runs: Proof = {
  name: "runs",
  title: "Runs, a thousand or a quick part of them, leave nothing behind, and nothing grows",
  run,
};
