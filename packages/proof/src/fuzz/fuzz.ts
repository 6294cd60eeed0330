/** The proof that whatever is said to the daemon, by clients or by harnesses, neither ends it nor hangs it. */
import { type Proof, proved } from "../proof.ts";
import { createChance, freshSeed } from "../seeded.ts";
import { fuzzHttp } from "./http.ts";

export const fuzz: Proof = {
  name: "fuzz",
  title: "Nothing that clients or harnesses say crashes, surprises or hangs the daemon",
  async run(context) {
    const seed = context.seed ?? freshSeed(context.clock);
    const chance = createChance(seed);
    const http = await fuzzHttp(context, chance.branch());
    return proved(seed, [...http.rows], { ...http.figures });
  },
};
