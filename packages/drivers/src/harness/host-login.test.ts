/** The login of the daemon's user, in a session's own directory: linked where a session asks for it, and nowhere else. */
import { lstat, mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { harnesses } from "./index.ts";
import { launchOf } from "./launch.fixture.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(stateDir, { recursive: true }));

async function launch(id: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const harness = harnesses.find((one) => one.id === id);
  if (!harness) throw new Error(`there is no harness ${id}`);
  await launchOf(harness, { stateDir, options, hostEnv: { PATH: "/bin", HOME: "/people/me" } });
}

/** Where each harness looks for its login, and whose file that is. */
const links: readonly (readonly [string, string, string])[] = [
  ["opencode", "home/.local/share/opencode/auth.json", ".local/share/opencode/auth.json"],
  ["codex", "codex/auth.json", ".codex/auth.json"],
  ["claude", "claude/.credentials.json", ".claude/.credentials.json"],
  ["gemini", "home/.gemini/oauth_creds.json", ".gemini/oauth_creds.json"],
  ["gemini", "home/.gemini/google_accounts.json", ".gemini/google_accounts.json"],
  ["pi", "pi/auth.json", ".pi/agent/auth.json"],
];

test.each(links)("%s finds %s only in a session that asks for the host's login (A-09)", async (id, link, file) => {
  const place = join(stateDir, link);
  await launch(id, {});
  await expect(lstat(place)).rejects.toMatchObject({ code: "ENOENT" });
  await launch(id, { login: "host" });
  expect(await readlink(place)).toBe(join("/people/me", file));
  await launch(id, { login: "none" });
  await expect(lstat(place)).rejects.toMatchObject({ code: "ENOENT" });
});

test("every installed harness that finds logins of its own is looked at here (A-09)", () => {
  const withLogins = harnesses.filter(({ install, logins }) => install && logins?.length).map(({ id }) => id);
  expect(new Set(links.map(([id]) => id))).toEqual(new Set(withLogins));
});
