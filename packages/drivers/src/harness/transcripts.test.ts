/** Recorded conversations of the real programs, played to their drivers for ever: each folds to what it always did. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Row, readRows } from "@corral/conformance/recording/player";
import { foldRecording } from "@corral/conformance/recording/replay";
import { describe, expect, test } from "vitest";
import { harnesses } from "./index.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../../fixtures/transcripts/${name}`, import.meta.url));
const recorded = harnesses.filter(({ id }) => existsSync(fixture(`${id}.jsonl`)));

/** The first row tells the options that the session was opened with. */
const optionsIn = ([first]: readonly Row[]) => (first as { options?: Record<string, unknown> } | undefined)?.options;

/** What a harness looks for on the disk before it goes on with a conversation. */
const remembered: Readonly<Record<string, (stateDir: string, native: string) => Promise<void>>> = {
  async pi(stateDir, native) {
    const sessions = join(stateDir, "pi", "sessions");
    await mkdir(sessions, { recursive: true });
    await writeFile(join(sessions, `then_${native}.jsonl`), "");
  },
};

describe.each(recorded)("$id", (harness) => {
  test("a recorded conversation folds to what it always did (D-31)", async () => {
    const rows = readRows(readFileSync(fixture(`${harness.id}.jsonl`), "utf8"));
    const folded = await foldRecording({
      harness,
      rows,
      options: optionsIn(rows) ?? {},
      remembered: remembered[harness.id],
    });
    await expect(`${JSON.stringify(folded, undefined, 2)}\n`).toMatchFileSnapshot(fixture(`${harness.id}.folded.json`));
  });
});
