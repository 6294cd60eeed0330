/** `npm run bench`: how fast Corral is, beside a peer's published binary, from one run on this machine. Rows by name, `-- --json`. */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareOurs } from "./bench/ours.ts";
import { type Peer, peerPackages, preparePeer } from "./bench/peer.ts";
import { chosenRows, type Row, ratioOf, reached, type Stage } from "./bench/row.ts";
import { append } from "./bench/rows/append.ts";
import { fanOut, flood } from "./bench/rows/flood.ts";
import { harnesses } from "./bench/rows/harnesses.ts";
import { health } from "./bench/rows/health.ts";
import { linear } from "./bench/rows/linear.ts";
import { million } from "./bench/rows/million.ts";
import { prompt } from "./bench/rows/prompt.ts";
import { sessions } from "./bench/rows/sessions.ts";
import { coldStart, idleMemory } from "./bench/rows/start.ts";
import { type Measured, tableText } from "./bench/table.ts";
import { helpText, usageLine } from "./bench/usage.ts";

const rows: readonly Row[] = [
  coldStart,
  idleMemory,
  health,
  append,
  prompt,
  flood,
  fanOut,
  sessions,
  million,
  linear,
  harnesses,
];

const root = join(import.meta.dirname, "..");
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function peerIn(folder: string): Promise<Peer | undefined> {
  try {
    return await preparePeer(folder);
  } catch (error) {
    say(`${peerPackages.join(" and ")} could not be fetched from npm; Corral is measured alone.`);
    say(`  ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    return undefined;
  }
}

async function measure(row: Row, stage: Stage): Promise<Measured> {
  say(`${row.name} …`);
  try {
    return { row, figures: await row.measure({ ...stage, say: (text) => say(`  ${text}`) }) };
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    say(`  ${failed}`);
    return { row, figures: [], failed };
  }
}

/** The machine as far as it matters for the figures. */
const machine = () => ({
  at: new Date().toISOString(),
  node: process.version,
  cpus: cpus().length,
  cpu: cpus()[0]?.model ?? "unknown",
  load: loadavg()[0] ?? 0,
});

const asJson = (measured: readonly Measured[], before: ReturnType<typeof machine>) => ({
  ...before,
  loadAfter: loadavg()[0],
  rows: measured.map(({ row, figures, failed }) => ({
    name: row.name,
    says: row.says,
    ...(failed === undefined ? {} : { failed }),
    figures: figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), reached: reached(figure) })),
  })),
});

interface Wishes {
  readonly json?: boolean;
  readonly out?: string;
}

async function bench(wanted: readonly Row[], wishes: Wishes): Promise<boolean> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "corral-bench-")));
  try {
    const before = machine();
    const stage = { folder, ours: await prepareOurs(root, folder), peer: await peerIn(folder), say };
    const measured: Measured[] = [];
    for (const row of wanted) measured.push(await measure(row, stage));
    const json = JSON.stringify(asJson(measured, before), undefined, 2);
    if (wishes.out !== undefined) await writeFile(wishes.out, `${json}\n`);
    if (wishes.json) console.log(json);
    else {
      const { at, node, cpus, load } = before;
      console.log(`${tableText(measured)}\n\n${at}, ${cpus} CPUs, Node ${node}, load ${load.toFixed(1)} before`);
    }
    return measured.every(({ failed }) => failed === undefined);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        only: { type: "string", multiple: true },
        out: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const wanted = values.help ? [] : chosenRows(rows, [...(values.only ?? []), ...positionals]);
    return { wishes: values, wanted };
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n${usageLine(rows)}`);
    return undefined;
  }
}

const asked = readArguments();
if (asked?.wishes.help) console.log(helpText(rows));
else process.exitCode = asked === undefined ? 2 : (await bench(asked.wanted, asked.wishes)) ? 0 : 1;
