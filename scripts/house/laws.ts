/** All the laws that are about single source files. */
import { doorLaws } from "./doors.ts";
import { drawLaw } from "./draws.ts";
import { importLaws } from "./imports.ts";
import type { Law } from "./law.ts";
import { shapeLaws } from "./shape.ts";
import { sizeLaws } from "./sizes.ts";
import { typeLaws } from "./types.ts";
import { wordLaw } from "./words.ts";

export const laws: readonly Law[] = [
  ...importLaws,
  ...sizeLaws,
  wordLaw,
  ...typeLaws,
  ...doorLaws,
  drawLaw,
  ...shapeLaws,
];
