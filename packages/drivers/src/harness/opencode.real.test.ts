/** The common cases with the real OpenCode. */
import { realHarness } from "./cases/real.conformance.ts";

realHarness("opencode", {
  dialect: "chat",
  mode: { to: "plan", shows: (_, after) => after.userText?.includes("Plan") ?? false },
});
