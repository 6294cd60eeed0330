/** The common cases with the real Gemini CLI. */
import { realHarness } from "@corral/conformance/real";

realHarness("gemini", {
  dialect: "gemini",
  models: ["gemini-2.5-pro", "gemini-3.8-flash"],
  mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
});
