/** What `run` asks for is what the API takes, whatever the flags. */
import { openSessionSchema } from "@corral/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readConfig, type World } from "./config.ts";
import { policyOf } from "./policy.ts";
import { openingOf, type RunFlags } from "./run-request.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const shapes = fc.record({
  agent: maybe(word),
  fromEnv: maybe(word),
  cwd: maybe(word),
  model: maybe(word),
  mode: maybe(word),
  option: maybe(
    fc.array(
      fc.tuple(word, fc.string()).map(([name, value]) => `${name}=${value}`),
      { maxLength: 3 },
    ),
  ),
  lines: fc.array(fc.record({ decision: fc.constantFrom("allow", "deny", "ask"), kind: word }), { maxLength: 4 }),
  interactive: fc.boolean(),
});

test("every shape of a run is a session that the API opens as it was written, with the one default agent (AR-05)", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ lines, interactive, fromEnv, ...written }) => {
      const env = fromEnv === undefined ? {} : { CORRAL_AGENT: fromEnv };
      const world: World = { env, cwd: "/here", home: "/nowhere" };
      const flags = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)) as RunFlags;
      const config = await readConfig({ agent: flags.agent }, world);
      const policy = policyOf(lines, interactive);
      const opening = await openingOf(flags, config, { policy, world });
      expect(openSessionSchema.parse(opening)).toEqual(opening);
      expect(opening.agent).toBe(written.agent ?? fromEnv ?? "scripted");
      expect(opening.cwd).toBe(written.cwd === undefined ? "/here" : `/here/${written.cwd}`);
    }),
    { numRuns: 100 },
  );
});
