/** The common cases with the real Pi. */
import { realHarness } from "@corral/conformance/real";

realHarness("pi");
