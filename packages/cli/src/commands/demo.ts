/** `corral demo`: what Corral promises, shown on this machine in a few seconds, without a key and without a trace. */
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@corral/client";
import type { Command } from "commander";
import { type ChildDaemon, startChildDaemon, thisProgram } from "../child-daemon.ts";
import { declare, type Stage } from "../command.ts";
import { hostEnvOf } from "../config.ts";
import { crashAndRecovery, firstSession, killedDaemon, nothingLeft } from "../demo/acts.ts";
import { createNarrator } from "../demo/narrator.ts";
import { exitCodes } from "../exit-code.ts";
import { calledAs, type Shell } from "../shell.ts";

/** A demo that takes this long has failed. */
const limitMs = 60_000;

/** A daemon that can be killed and started again, in a directory that goes away. */
async function openStage(shell: Shell) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "corral-demo-")));
  const cwd = join(folder, "workspace");
  await mkdir(cwd);
  const env = { ...hostEnvOf(shell.world), HOME: folder };
  const start = (port: number) =>
    startChildDaemon({ corral: thisProgram(), stateDir: join(folder, "state"), port, cwd, env });
  let daemon: ChildDaemon | undefined;
  return {
    cwd,
    async start(port = 0) {
      daemon = await start(port);
      return daemon;
    },
    [Symbol.asyncDispose]: async () => {
      await daemon?.kill("SIGTERM");
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function perform(shell: Shell, signal: AbortSignal): Promise<void> {
  await using stage = await openStage(shell);
  let daemon = await stage.start();
  const narrator = createNarrator(shell.stdout);
  shell.stdout.line("Corral, shown with its own scripted agent: no key, no network, its own directory.");
  const theatre = {
    corral: connect({ url: daemon.url, signal }),
    narrator,
    cwd: stage.cwd,
    daemon: () => daemon,
    restart: async () => {
      daemon = await stage.start(daemon.port);
      return daemon;
    },
  };
  const first = await firstSession(theatre);
  const second = await crashAndRecovery(theatre);
  await killedDaemon(theatre, first);
  await nothingLeft(theatre, [first, second]);
}

async function act(shell: Shell): Promise<number> {
  const began = Date.now();
  const stop = new AbortController();
  let interrupted = false;
  using _ = shell.onInterrupt(() => {
    interrupted = true;
    stop.abort(new Error("interrupted"));
  });
  const timer = setTimeout(() => stop.abort(new Error(`the demo took longer than ${limitMs / 1000} s`)), limitMs);
  shell.gone.addEventListener("abort", () => stop.abort(new Error("nobody looks")), { once: true });
  try {
    await perform(shell, stop.signal);
  } catch (error) {
    if (interrupted) return exitCodes.interrupted;
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const { stdout } = shell;
  stdout.line();
  const tookS = ((Date.now() - began) / 1000).toFixed(1);
  stdout.line(`Done in ${tookS} s. Now your own: ${calledAs(shell)} serve, then ${calledAs(shell)} run "Say hello"`);
  return exitCodes.done;
}

export const demoCommand = (stage: Stage): Command =>
  declare<[], Record<never, never>>(stage, {
    usage: "demo",
    summary: "Shows a session, an ask, a crash, a killed daemon and the recovery, in a few seconds and without a key.",
    examples: ["corral demo"],
    act: (shell) => act(shell),
  });
