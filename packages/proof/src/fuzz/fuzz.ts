/** The proof that whatever is said to the daemon, by clients or by harnesses, neither ends it nor hangs it. */
import { didEnough, type Least } from "../enough.ts";
import { type Proof, type Proved, proved } from "../proof.ts";
import { createChance, freshSeed } from "../seeded.ts";
import { fuzzHandshakes } from "./handshakes.ts";
import { fuzzHttp } from "./http.ts";
import { fuzzFrames } from "./scripted-frames.ts";

const parts = [fuzzHttp, fuzzFrames, fuzzHandshakes];

/** Some of what is accepted shows that not everything is turned away at the door. */
const least: { readonly quick: Least; readonly whole: Least } = {
  quick: { requests: 600, accepted: 60, frames: 300, "hostile harnesses": 10, "hostile frames": 100 },
  whole: { requests: 5_000, accepted: 500, frames: 2_000, "hostile harnesses": 80, "hostile frames": 1_000 },
};

export const fuzz: Proof = {
  name: "fuzz",
  title: "Nothing that clients or harnesses say crashes, surprises or hangs the daemon",
  async run(context) {
    const seed = context.seed ?? freshSeed(context.clock);
    const chance = createChance(seed);
    const done = [];
    for (const part of parts) done.push(await part(context, chance.branch()));
    const figures: Proved["figures"] = Object.assign({}, ...done.map((one) => one.figures));
    const enough = didEnough(figures, context.quick ? least.quick : least.whole);
    return proved(seed, [...done.flatMap(({ rows }) => rows), enough], figures);
  },
};
