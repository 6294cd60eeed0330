/** Logs that released versions wrote: they fold to the same state and the same conversation for ever. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventSchema, type SessionEvent } from "./event.ts";
import { foldAll } from "./fold.ts";
import { emptyTranscript, foldTranscript } from "./transcript.ts";

const folder = new URL("../../../fixtures/logs/", import.meta.url);
const logs = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ndjson"));

test("there are logs of old releases", () => expect(logs).not.toEqual([]));

test.each(logs)("the log %s still folds to what it meant when it was written", (name) => {
  const lines = readFileSync(new URL(name, folder), "utf8").trim().split("\n");
  const events = lines.map((line) => JSON.parse(line) as SessionEvent);
  const kept = JSON.parse(readFileSync(new URL(name.replace(/\.ndjson$/, ".folded.json"), folder), "utf8"));
  const transcript = emptyTranscript();
  for (const event of events) {
    expect(eventSchema.safeParse(event).error).toBeUndefined();
    foldTranscript(transcript, event);
  }
  expect(foldAll(events)).toEqual(kept.session);
  expect(JSON.parse(JSON.stringify(transcript.items))).toEqual(kept.items);
});
