/** What a tool alone is to know: its server gets it, and an agent that shows all of its environment does not. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { here } from "./here.conformance.ts";
import { commandHarness } from "./recipe.ts";
import { referenceAgent } from "./reference.ts";
import { canary, Stage } from "./stage.ts";

const notesServer = fileURLToPath(new URL("./programs/notes-server.ts", import.meta.url));

/** The command lines of the programs whose environment has the text. */
const knowing = (text: string): readonly string[] =>
  readdirSync("/proc").flatMap((pid) => {
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, "utf8");
      return environ.includes(text) ? [readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ")] : [];
    } catch {
      return []; // No process, or not one of ours.
    }
  });

test.skipIf(process.platform !== "linux")(
  "an agent that dumps its environment shows no secret of a tool: only the tool's own server has it (AR-15)",
  { timeout: 120_000 },
  async () => {
    const harness = commandHarness("program", referenceAgent({ asksModel: false }));
    const optionsAt = (modelUrl: string) => ({ modelUrl });
    await using stage = await Stage.open({ harness, ways: { dialect: "chat", optionsAt }, surroundings: here });
    const secret = `${canary}-${process.pid}`;
    const env = [{ name: "NOTES_TOKEN", value: "Bearer $TOOL_KEY" }];
    const args = [notesServer, join(stage.root, "notes.txt")];
    const actor = await stage.open({
      mcpServers: [{ name: "notes", command: process.execPath, args, env }],
      secrets: { TOOL_KEY: secret },
    });
    // Into a file, for what is told is cleared of secrets on its way.
    await actor.hear("RUN_TOOL[env > dump.txt; cat /proc/$PPID/environ >> dump.txt]");
    const dump = readFileSync(join(stage.cwd, "dump.txt"), "utf8");
    expect(dump).toContain("PATH=");
    expect(dump).not.toContain(canary);
    expect(dump).not.toMatch(/TOOL_KEY|NOTES_TOKEN/);
    expect(knowing(secret)).toEqual([expect.stringContaining(notesServer)]);
    await stage.check();
    expect(knowing(secret)).toEqual([]);
  },
);
