/** The login that OpenCode's user has on this machine, for those who ask for it. */
import { join } from "node:path";
import { linkLogin } from "../host-login.ts";
import { shareDirOf } from "../own-home.ts";

/** Where OpenCode keeps what is its own, below the home in a directory. */
export const ownFiles = (stateDir: string): string => join(shareDirOf(stateDir), "opencode");

interface OwnLogin {
  readonly login: string | undefined;
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly stateDir: string;
}

export const linkOwnLogin = ({ stateDir, ...need }: OwnLogin): Promise<void> =>
  linkLogin(need, { from: ".local/share/opencode/auth.json", to: join(ownFiles(stateDir), "auth.json") });
