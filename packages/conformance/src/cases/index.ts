/** All the common cases, in the order in which they are told. */

import type { Case } from "../case.ts";
import { cancelCases } from "./cancels.ts";
import { failureCases } from "./failures.ts";
import { mannerCases } from "./manners.ts";
import { returnCases } from "./returns.ts";
import { settingCases } from "./settings.ts";
import { textCases } from "./texts.ts";
import { toolCases } from "./tools.ts";
import { usageCases } from "./usage.ts";

export const cases: readonly Case[] = [
  ...textCases,
  ...toolCases,
  ...cancelCases,
  ...returnCases,
  ...settingCases,
  ...failureCases,
  ...usageCases,
  ...mannerCases,
];
