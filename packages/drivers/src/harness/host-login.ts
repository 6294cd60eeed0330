/** The login that a harness's user has on this machine, for the sessions that ask for it. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LaunchNeed } from "@corral/kernel";

export interface LoginFile {
  /** Below the user's home. */
  readonly from: string;
  /** Where the session's harness looks for it. */
  readonly to: string;
}

/** The login is renewed in its own file, so it is linked and not copied: two copies would end each other. */
export async function linkLogin(
  { login, hostEnv }: Pick<LaunchNeed, "hostEnv"> & { readonly login: string | undefined },
  { from, to }: LoginFile,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await rm(to, { force: true });
  const { HOME } = hostEnv;
  if (login === "host" && HOME) await symlink(join(HOME, from), to);
}
