/** What a harness does not offer: made up for and marked where that is safe, refused where it is not. Its card decides, never its name. */
import { harnesses } from "@corral/drivers";
import { expect, test } from "vitest";
import type { Ways } from "./case.ts";
import { here } from "./here.conformance.ts";
import { Stage } from "./stage.ts";

const limits = { timeout: 120_000 };

/** The scripted agent, offering exactly this; it answers with the whole of its prompt. */
function openWith(capabilities: readonly string[]): Promise<Stage> {
  const harness = harnesses.find(({ id }) => id === "scripted")!;
  const optionsAt: Ways["optionsAt"] = () => ({ capabilities, story: { turns: [{ steps: ["quote"] }] } });
  return Stage.open({ harness, ways: { dialect: "chat", optionsAt }, surroundings: here });
}

test("a harness with no way back is told what was said, and the log says replay (D-24)", limits, async () => {
  await using stage = await openWith([]);
  const actor = await stage.open();
  await actor.hear("the first word");
  process.kill(actor.pid, "SIGTERM");
  await actor.ear.heard("harness.exited");
  const { output } = await actor.hear("the second word");
  expect(output).toContain("the first word");
  const [first, second] = actor.ear.all("harness.started").map(({ data }) => data.how);
  expect([first, second]).toEqual(["new", "replay"]);
});

test(
  "a harness that cannot branch has its forks by replay, and the log of the fork says so (D-24)",
  limits,
  async () => {
    await using stage = await openWith(["resume", "load"]);
    const actor = await stage.open();
    await actor.hear("before the fork");
    const { id } = await actor.session.fork({});
    const other = await stage.find(id);
    expect((await other.hear("on the other road")).output).toContain("before the fork");
    expect(other.ear.all("harness.started").map(({ data }) => data.how)).toEqual(["replay"]);
  },
);

test("a picture for a harness that takes none is refused, and one for a harness that does is not", limits, async () => {
  const dot = { type: "image" as const, mimeType: "image/png", data: "AA==" };
  for (const [capabilities, outcome, code] of [
    [[], "failed", "agent.cannot"],
    [["image"], "completed", undefined],
  ] as const) {
    await using stage = await openWith(capabilities);
    const actor = await stage.open();
    const turn = await actor.say([{ type: "text", text: "what is this?" }, dot]);
    expect([turn.outcome, turn.fault?.code]).toEqual([outcome, code]);
  }
});
