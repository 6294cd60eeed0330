/** The common cases with the real Codex. */
import { realHarness } from "@corral/conformance/real";

realHarness("codex", {
  dialect: "responses",
  mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
});
