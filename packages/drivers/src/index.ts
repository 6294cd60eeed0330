/** The plug-ins that the kernel drives. */
export { type CustomAgent, customHarness, withCustom } from "./harness/custom.ts";
export * from "./harness/index.ts";
export { allLogins, loginVariables } from "./harness/logins.ts";
export { runScriptedHarness } from "./scripted/run.ts";
export { storyValue } from "./scripted/story-value.ts";
export * from "./store/index.ts";
