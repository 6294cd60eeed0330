/** How many events a second are on the disk, each acknowledged only when it is. */
import { openSqliteStore } from "@corral/drivers";
import type { Store } from "@corral/kernel";
import type { Row } from "../row.ts";
import { timed } from "../stats.ts";

const writers = 64;
const text = JSON.stringify({ type: "turn.updated", data: { text: "x".repeat(160) } });

/** One writer of one subject, which waits for each append before the next. */
async function writer(store: Store, subject: string, { appends, batch }: { appends: number; batch: number }) {
  const entries = new Array<string>(batch).fill(text);
  for (let at = 0; at < appends; at += 1) await store.append({ subject, expected: at * batch, entries });
}

async function perSecond(dir: string, appends: number, batch: number): Promise<number> {
  await using store = await openSqliteStore({ dir });
  const round = (name: string, count: number) =>
    Promise.all(Array.from({ length: writers }, (_, at) => writer(store, `${name}-${at}`, { appends: count, batch })));
  await round("warm", Math.ceil(appends / 10));
  const { ms } = await timed(() => round("writer", appends));
  return (writers * appends * batch * 1000) / ms;
}

export const append: Row = {
  name: "append",
  says: `durable appends of ${writers} writers (an fsync before every acknowledgement)`,
  async measure({ ours }) {
    const single = await perSecond(await ours.state(), 1_000, 1);
    const batches = await perSecond(await ours.state(), 40, 100);
    return [
      { what: "one event each", unit: "events/s", ours: single, target: { of: "ours", least: 30_000 } },
      { what: "batches of 100", unit: "events/s", ours: batches, target: { of: "ours", least: 100_000 } },
    ];
  },
};
