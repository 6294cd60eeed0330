/** The common cases with the real Pi. */
import { realHarness } from "@corral/conformance/real";

realHarness("pi", { dialect: "chat", alsoSpeaks: ["responses", "messages", "gemini"] });
