/** The common cases with the real OpenCode, as a server that sessions share. */
import { waysOf } from "@corral/conformance";
import { realHarness } from "@corral/conformance/real";

realHarness("opencode", {
  ...waysOf("opencode"),
  called: "opencode as a shared server",
  options: { runtime: "serve" },
});
