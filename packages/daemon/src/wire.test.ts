/** The law of the wire, over the fetch function and over a socket. */
import { gateSuite } from "./gate.conformance.ts";
import { streamSuite } from "./streams.conformance.ts";
import { wireSuite } from "./wire.conformance.ts";
import { ways } from "./wire.fixture.ts";

for (const way of ways) {
  wireSuite(way);
  streamSuite(way);
  gateSuite(way);
}
