/** The common cases with the real Claude Code. */
import { realHarness } from "@corral/conformance/real";

realHarness("claude", {
  dialect: "messages",
  mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
});
