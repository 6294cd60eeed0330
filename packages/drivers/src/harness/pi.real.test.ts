/** The common cases with the real Pi. */
import { realHarness } from "./cases/real.conformance.ts";

realHarness("pi", { dialect: "chat", alsoSpeaks: ["responses", "messages", "gemini"] });
