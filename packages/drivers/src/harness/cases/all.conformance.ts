/** All the common cases, in the order in which they are told. */
import { cancelCases } from "./cancels.conformance.ts";
import type { Case } from "./case.conformance.ts";
import { failureCases } from "./failures.conformance.ts";
import { returnCases } from "./returns.conformance.ts";
import { settingCases } from "./settings.conformance.ts";
import { textCases } from "./texts.conformance.ts";
import { toolCases } from "./tools.conformance.ts";
import { usageCases } from "./usage.conformance.ts";

export const cases: readonly Case[] = [
  ...textCases,
  ...toolCases,
  ...cancelCases,
  ...returnCases,
  ...settingCases,
  ...failureCases,
  ...usageCases,
];
