/** The reference store keeps the law of stores. */
import { storeConformance } from "./store.conformance.ts";
import { memoryStore } from "./store.reference.ts";

storeConformance("reference", async () => memoryStore());
