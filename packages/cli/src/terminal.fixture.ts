/** A real terminal for tests: one tmux server of our own, with a shell in it. */
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { type Home, mainFile } from "./cli.fixture.ts";

export interface Terminal extends AsyncDisposable {
  /** Types a line and presses Enter. */
  type(line: string): Promise<void>;
  /** Presses keys by tmux's names, such as C-c. */
  press(...keys: readonly string[]): Promise<void>;
  /** Waits until the screen shows it; answers with the whole screen. */
  shows(pattern: RegExp): Promise<string>;
  /** What is on the screen, with the escape sequences of its colours. */
  painted(): Promise<string>;
}

const run = promisify(execFile);
let terminals = 0;

/** Long, because the machine may be busy; nothing waits so long when all is well. */
const limitMs = 30_000;

export async function openTerminal(home: Home): Promise<Terminal> {
  terminals += 1;
  const socket = `corral-${process.pid}-${terminals}`;
  const bin = join(home.folder, "bin");
  const tmux = async (...args: readonly string[]) =>
    (
      await run("tmux", ["-L", socket, "-f", "/dev/null", ...args], {
        env: { ...home.env, TMPDIR: home.folder, TMUX_TMPDIR: home.folder, TERM: "xterm-256color" },
      })
    ).stdout;
  await run("mkdir", ["-p", bin]);
  await writeFile(join(bin, "corral"), `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`);
  await chmod(join(bin, "corral"), 0o755);
  await tmux(
    "new-session",
    "-d",
    "-x",
    "120",
    "-y",
    "60",
    "-c",
    home.work,
    `PATH="${bin}:$PATH" PS1='ready> ' exec sh`,
  );
  const screen = () => tmux("capture-pane", "-p", "-J");
  const terminal: Terminal = {
    async type(line) {
      await tmux("send-keys", "-l", line);
      await tmux("send-keys", "Enter");
    },
    press: async (...keys) => void (await tmux("send-keys", ...keys)),
    async shows(pattern) {
      await expect.poll(screen, { timeout: limitMs, interval: 100 }).toMatch(pattern);
      return screen();
    },
    painted: () => tmux("capture-pane", "-p", "-e"),
    [Symbol.asyncDispose]: async () => void (await tmux("kill-server")),
  };
  await terminal.shows(/ready>/);
  return terminal;
}
