/** The common cases with the real OpenCode, as a server that sessions share. */
import { realHarness } from "@corral/conformance/real";

realHarness("opencode", {
  called: "opencode as a shared server",
  dialect: "chat",
  alsoSpeaks: ["responses", "messages", "gemini"],
  options: { runtime: "serve" },
  mode: {
    to: "plan",
    shows: (before, after) => !before.userText?.includes("Plan") && (after.userText?.includes("Plan") ?? false),
  },
});
