/** The common cases with the real Claude Code. */
import { realHarness } from "@corral/conformance/real";

realHarness("claude");
