/** Compares the packages that drivers pin with what the npm registry has: `node scripts/audit-pins.ts`; fails only where a pin is gone. */
import { harnesses } from "@corral/drivers";
import { askRegistry, type Finding, findingOf, pinsOf, tableOf } from "./audit/pins.ts";

const findings: Finding[] = [];
// One after the other: there are few, and a registry is asked politely.
for (const pin of pinsOf(harnesses)) findings.push(findingOf(pin, await askRegistry(pin.name, process.env)));
console.log(tableOf(findings));
process.exitCode = findings.some(({ verdict }) => verdict === "gone") ? 1 : 0;
