/** `daemon.json` in the state directory: how other commands find the daemon that uses it. It never holds a token. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const serverSchema = z.object({
  url: z.url(),
  pid: z.int(),
  version: z.string(),
  startedAt: z.string(),
  /** Where the token can be read by whoever may read it. */
  tokenFile: z.string().optional(),
});
export type ServerRecord = Readonly<z.infer<typeof serverSchema>>;

const fileIn = (stateDir: string): string => join(stateDir, "daemon.json");

/** Whole or not at all: a reader never sees half of it. */
export async function writeServerFile(stateDir: string, server: ServerRecord): Promise<void> {
  const draft = `${fileIn(stateDir)}.${server.pid}`;
  await writeFile(draft, `${JSON.stringify(server, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, fileIn(stateDir));
}

/** Absent when there is none, and when it is not one that we understand: then nobody can be reached through it. */
export async function readServerFile(stateDir: string): Promise<ServerRecord | undefined> {
  try {
    return serverSchema.safeParse(JSON.parse(await readFile(fileIn(stateDir), "utf8"))).data;
  } catch {
    // No file, or no JSON: both mean that no daemon can be found here.
    return undefined;
  }
}

/** Takes our own file away; another daemon's stays. */
export async function removeServerFile(stateDir: string, pid: number): Promise<void> {
  const server = await readServerFile(stateDir);
  if (server?.pid === pid) await rm(fileIn(stateDir), { force: true });
}
