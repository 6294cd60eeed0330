/** The reference harness keeps the law of harnesses. */
import { harnessConformance } from "./harness.conformance.ts";
import { echoHarness } from "./harness.reference.ts";

harnessConformance("echo", echoHarness(), {
  say: "hello",
  ask: "ask",
  hang: "hang",
  crash: "crash",
  history: "history",
});
