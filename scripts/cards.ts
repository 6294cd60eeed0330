/** Measures the capability cards of the real harnesses, where there is no network, and keeps them beside their drivers. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cardSchema, isSound } from "@corral/conformance";
import { agentsDir } from "@corral/conformance/here";
import { harnesses } from "@corral/drivers";
import { runStep } from "./house/steps.ts";
import { offline } from "./real/offline.ts";

const root = join(import.meta.dirname, "..");
const folder = "packages/drivers/src/harness/cards";
const corral = join(root, "packages/cli/src/main.ts");

/** What `corral conformance` prints of an installed harness; its progress is shown while it comes. */
async function measure(id: string, wall: readonly string[]): Promise<string> {
  const words = [...wall, process.execPath, corral, "conformance", id, "--json", "--data", agentsDir];
  const [command = "", ...args] = words;
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  await once(child, "close");
  return printed;
}

async function write(id: string, wall: readonly string[]): Promise<boolean> {
  console.log(`${id} …`);
  const printed = await measure(id, wall);
  if (printed === "") return false;
  const card = cardSchema.parse(JSON.parse(printed));
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, `${id}.json`), `${JSON.stringify(card, undefined, 2)}\n`);
  console.log(`Wrote ${folder}/${id}.json.`);
  return isSound(card);
}

const asked = process.argv.slice(2);
const measured = harnesses.filter(({ install, id }) => install && (asked.length === 0 || asked.includes(id)));
const unknown = asked.find((id) => !measured.some((one) => one.id === id));
if (unknown !== undefined) {
  console.error(`${unknown} is no harness that is installed. usage: node scripts/cards.ts [id…]`);
  process.exit(2);
}
const wall = offline();
if (!wall) {
  console.error(
    "The network could not be taken away (unshare --net), and a card says what was so without it: nothing is measured.",
  );
  process.exit(1);
}
let sound = true;
for (const { id } of measured) sound = (await write(id, wall)) && sound;
await runStep({ command: "biome", args: ["format", "--write", folder], show: false });
await runStep({ command: "node", args: ["scripts/reference.ts"], show: true });
process.exitCode = sound ? 0 : 1;
