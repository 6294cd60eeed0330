/** The logins that a person already has, with the real programs: used where a session asks for them, and nowhere else. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import { isFault } from "@corral/protocol";
import { afterEach, beforeEach, describe, test } from "vitest";
import { here } from "./here.conformance.ts";
import { installedVersion } from "./installed.ts";
import { waysOf } from "./known.ts";
import { Stage, timeLimitMs } from "./stage.ts";

const key = "host-login-4c1d7be02f96";
const keySha256 = createHash("sha256").update(key).digest("hex").slice(0, 12);
const oauth = { accessToken: key, refreshToken: "refresh", expiresAt: 4_102_444_800_000, scopes: ["user:inference"] };

/** The files as the programs write them, below a person's home. Gemini CLI's login opens nothing but Google's own server. */
const logins: Readonly<Record<string, { readonly path: string; readonly content: object }>> = {
  claude: { path: ".claude/.credentials.json", content: { claudeAiOauth: { ...oauth, subscriptionType: "max" } } },
  codex: { path: ".codex/auth.json", content: { OPENAI_API_KEY: key } },
  opencode: { path: ".local/share/opencode/auth.json", content: { gateway: { type: "api", key } } },
  pi: { path: ".pi/agent/auth.json", content: { gateway: { type: "api_key", key } } },
};

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Whether the model was shown the key of the login; a session that may not even begin without one shows none. */
async function showsLogin(stage: Stage, options: Readonly<Record<string, unknown>>): Promise<boolean> {
  const actor = await stage.open({ secrets: {}, options });
  const before = stage.calls().length;
  await actor.say("ECHO:hello");
  return stage
    .calls()
    .slice(before)
    .some(({ authorization }) => authorization?.keySha256 === keySha256);
}

const known = harnesses.flatMap((harness) => {
  const login = logins[harness.id];
  return login ? [{ harness, login, id: harness.id }] : [];
});

async function isInstalled(harness: Harness): Promise<boolean> {
  try {
    await installedVersion(harness, here);
    return true;
  } catch (error) {
    if (isFault(error, "agent.not_installed")) return false;
    throw error;
  }
}

describe("the login of the host", () => {
  test.for(known)(
    "is used by $id where a session asks for it, is linked and not copied, and stays (A-09)",
    {
      timeout: timeLimitMs,
    },
    async ({ harness, login }, { skip }) => {
      if (!(await isInstalled(harness)))
        skip(`${harness.title} is not installed for tests: run \`node scripts/real.ts\``);
      const file = join(home, login.path);
      const text = JSON.stringify(login.content);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: 0o600 });
      const surroundings = { ...here, hostEnv: { ...here.hostEnv, HOME: home } };
      await using stage = await Stage.open({ harness, ways: waysOf(harness.id), surroundings });
      assert.equal(await showsLogin(stage, {}), false, "a login was used that nobody had asked for");
      assert.equal(await showsLogin(stage, { login: "host" }), true, "the login was not used");
      await stage.check();
      assert((await lstat(file)).isFile());
      assert.equal(await readFile(file, "utf8"), text);
    },
  );
});
