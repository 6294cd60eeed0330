/** Where Codex keeps a thread: a fork has its own copy of the files, while the index among them still names the first place. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

export async function rolloutOf(codexHome: string, thread: string): Promise<string | undefined> {
  const folder = join(codexHome, "sessions");
  try {
    const found = await readdir(folder, { recursive: true });
    const name = found.find((path) => path.endsWith(`-${thread}.jsonl`));
    return name === undefined ? undefined : join(folder, name);
  } catch {
    return undefined; // No thread was ever kept here.
  }
}
