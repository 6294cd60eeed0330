/** The proof that whatever is said to the daemon, by clients or by harnesses, neither ends it nor hangs it. */
import { type Proof, proved } from "../proof.ts";
import { createChance, freshSeed } from "../seeded.ts";
import { fuzzHandshakes } from "./handshakes.ts";
import { fuzzHttp } from "./http.ts";
import { fuzzFrames } from "./scripted-frames.ts";

const parts = [fuzzHttp, fuzzFrames, fuzzHandshakes];

export const fuzz: Proof = {
  name: "fuzz",
  title: "Nothing that clients or harnesses say crashes, surprises or hangs the daemon",
  async run(context) {
    const seed = context.seed ?? freshSeed(context.clock);
    const chance = createChance(seed);
    const done = [];
    for (const part of parts) done.push(await part(context, chance.branch()));
    return proved(
      seed,
      done.flatMap(({ rows }) => rows),
      Object.assign({}, ...done.map(({ figures }) => figures)),
    );
  },
};
