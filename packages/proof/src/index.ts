/** What Corral promises, as proofs that anyone can run. */
import { fuzz } from "./fuzz/fuzz.ts";
import { matrix } from "./matrix/matrix.ts";
import type { Proof } from "./proof.ts";
import { runs } from "./runs/runs.ts";
import { torture } from "./torture/torture.ts";

export { cells, nameOf, reasonAgainst, wordsOf } from "./matrix/cells.ts";
export { pageOfFates } from "./matrix/page.ts";
export { mayNotSkip, type Proof, type ProofContext, type ProofRow, type Proved } from "./proof.ts";

/** In the order in which they are run. */
export const proofs: readonly Proof[] = [matrix, torture, runs, fuzz];
