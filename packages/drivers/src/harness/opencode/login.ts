/** The login that OpenCode's user has on this machine, for those who ask for it. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { shareDirOf } from "../own-home.ts";

/** Where OpenCode keeps what is its own, below the home in a directory. */
export const ownFiles = (stateDir: string): string => join(shareDirOf(stateDir), "opencode");

export interface LoginNeed {
  readonly login: string | undefined;
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly stateDir: string;
}

/** The login is renewed in its own file, so it is linked and not copied: two copies would end each other. */
export async function linkLogin({ login, hostEnv, stateDir }: LoginNeed): Promise<void> {
  const link = join(ownFiles(stateDir), "auth.json");
  await mkdir(ownFiles(stateDir), { recursive: true, mode: 0o700 });
  await rm(link, { force: true });
  const { HOME } = hostEnv;
  if (login === "host" && HOME) await symlink(join(HOME, ".local/share/opencode/auth.json"), link);
}
