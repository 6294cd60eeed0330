/** The common cases with the real Codex. */
import { realHarness } from "@corral/conformance/real";

realHarness("codex");
