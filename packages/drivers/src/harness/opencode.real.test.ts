/** The common cases with the real OpenCode. */
import { realHarness } from "@corral/conformance/real";

realHarness("opencode", {
  dialect: "chat",
  alsoSpeaks: ["responses", "messages", "gemini"],
  mode: {
    to: "plan",
    shows: (before, after) => !before.userText?.includes("Plan") && (after.userText?.includes("Plan") ?? false),
  },
});
