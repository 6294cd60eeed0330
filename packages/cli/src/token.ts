/** Which token a found daemon wants: ours, or the one in the file that it was started with. */
import { readFile } from "node:fs/promises";
import type { Config } from "./config.ts";
import type { ServerRecord } from "./server-file.ts";

export async function tokenOfServer({ token }: Config, { tokenFile }: ServerRecord): Promise<string | undefined> {
  if (token !== undefined || tokenFile === undefined) return token;
  try {
    return (await readFile(tokenFile, "utf8")).trim();
  } catch {
    // Not ours to read: the daemon will say that a token is wanted.
    return undefined;
  }
}
