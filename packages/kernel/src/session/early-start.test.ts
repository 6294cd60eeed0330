/** A prompt that is written and not on the disk yet: its harness works on it already, and nobody else hears of it. */
import { Fault, isFault } from "@corral/protocol";
import { expect, test } from "vitest";
import type { Store } from "../ports/store.ts";
import { openKit, until } from "./kit.fixture.ts";

/** A store that writes at once, and acknowledges what was written while it was held only when it is let go. */
function slowDisk() {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let lost: Fault | undefined;
  const disk = {
    asked: [] as string[],
    hold: () => {
      gate = Promise.withResolvers();
    },
    letGo: () => gate.resolve(),
    /** What was written is not kept, and nothing ever will be. */
    fail: () => {
      lost = new Fault("store.closed", { detail: "The disk did not keep what was written." });
      gate.resolve();
    },
  };
  const wrap = (inner: Store): Store => ({
    ...inner,
    async append(request) {
      disk.asked.push(...request.entries);
      const { promise } = gate;
      const kept = lost ? Promise.reject<number>(lost) : inner.append(request);
      await Promise.allSettled([promise, kept]);
      if (lost) throw lost;
      return kept;
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  });
  const wasAsked = (type: string): boolean => disk.asked.some((text) => text.includes(`"${type}"`));
  return { disk, wrap, wasAsked };
}

test("a harness works on its prompt while the disk takes it, and nobody hears of either before it has (invariant 4)", async () => {
  const { disk, wrap, wasAsked } = slowDisk();
  await using kit = await openKit({ store: "memory", wrap });
  const { session, prompt, play, witness } = await kit.open([["quote"]]);
  await play("before");
  await witness.upTo(session.state().cursor);
  const before = session.state();
  disk.asked.length = 0;
  disk.hold();
  let accepted = false;
  const asked = prompt("hello").then((turn) => {
    accepted = true;
    return turn;
  });
  await until(() => wasAsked("turn.updated"));
  expect([accepted, session.state(), witness.last]).toEqual([false, before, before.cursor]);
  disk.letGo();
  expect((await session.ended((await asked).id)).output).toBe("You said: hello");
});

test("a prompt that was written and that the disk did not keep is refused, and its harness is told to stop", async () => {
  const { disk, wrap, wasAsked } = slowDisk();
  await using kit = await openKit({ store: "memory", wrap });
  const { session, prompt, play } = await kit.open([["quote"], [{ hang: false }]]);
  await play("before");
  const before = session.state();
  disk.asked.length = 0;
  disk.hold();
  const asked = prompt("hello").catch((error: unknown) => error);
  await until(() => wasAsked("turn.started"));
  disk.fail();
  expect(isFault(await asked, "store.closed")).toBe(true);
  expect(session.state()).toEqual(before);
  await until(async () => (await kit.processes.list()).length === 0);
  await kit.stop();
  expect(kit.surprises.length).toBeGreaterThan(0);
  for (const { error } of kit.surprises.splice(0)) expect(isFault(error, "store.closed")).toBe(true);
});
