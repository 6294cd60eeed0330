/** A program that installs the harness of the tests and says whether it was there. */
import { openPlace, zeta } from "./installer.fixture.ts";

const [root = "", registry = ""] = process.argv.slice(2);
await using place = await openPlace({ root, registry });
const { alreadyInstalled } = await place.installer.install(zeta, {
  onProgress: ({ step }) => process.stdout.write(`${step}\n`),
});
process.stdout.write(`installed ${alreadyInstalled ? "before" : "now"}\n`);
