/** The common cases with the real Gemini CLI. */
import { realHarness } from "@corral/conformance/real";

realHarness("gemini");
