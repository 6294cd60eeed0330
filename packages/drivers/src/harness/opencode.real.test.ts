/** The common cases with the real OpenCode. */
import { realHarness } from "@corral/conformance/real";

realHarness("opencode");
