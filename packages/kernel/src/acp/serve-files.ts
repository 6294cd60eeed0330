/** Serves a harness that reads and writes files through its client, inside the session's workspace. */
import { z } from "zod";
import type { Workspace } from "../workspace/workspace.ts";
import type { Serve } from "./rpc.ts";
import { optional, plainText, serving } from "./serving.ts";

const count = z.int().nonnegative();

const readParams = z.object({
  sessionId: z.string(),
  path: plainText.min(1),
  line: optional(count),
  limit: optional(count),
});

const writeParams = z.object({ sessionId: z.string(), path: plainText.min(1), content: z.string() });

export function serveFiles(workspace: Workspace): Readonly<Record<string, Serve>> {
  return {
    "fs/read_text_file": serving(readParams, async ({ path, line, limit }) => ({
      content: await workspace.readText(path, { line, limit }),
    })),
    "fs/write_text_file": serving(writeParams, async ({ path, content }) => {
      await workspace.writeText(path, content);
      return {};
    }),
  };
}
