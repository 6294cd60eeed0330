/** Reads a story for the scripted agent from a file, so that what is wrong with it is said with its line. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault } from "@corral/protocol";

export async function readStoryFile(file: string, cwd: string): Promise<unknown> {
  const path = resolve(cwd, file);
  const { storyValue } = await import("@corral/drivers");
  try {
    return await storyValue(await readFile(path, "utf8"), file);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const detail = `The story ${path} cannot be read (${(error as Error).message})`;
    throw new Fault("story.invalid", { detail, help: "Check the path.", cause: error });
  }
}
