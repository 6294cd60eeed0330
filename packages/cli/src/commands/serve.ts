/** `corral serve`: the daemon, in the foreground, until it is told to stop. */
import type { Served } from "@corral/daemon";
import { Fault } from "@corral/protocol";
import { type Command, Option } from "commander";
import { collected, declare, numberOption, type Stage, settingsOf, stateOptions } from "../command.ts";
import type { Composed } from "../compose.ts";
import { type Config, type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { leftText } from "../output/left-text.ts";
import { removeServerFile, writeServerFile } from "../server-file.ts";
import { calledAs, dieOf, type Shell } from "../shell.ts";
import { version } from "../version.ts";

interface ServeFlags extends ConfigFlags {
  readonly corsAllowOrigin?: readonly string[];
  readonly corsAllowCredentials?: boolean;
  readonly allowHost?: readonly string[];
}

/** The bound of all closing; sessions (7 s) and processes (2.5 s) have bounds of their own within it. */
const closeLimitMs = 10_000;

function greet(shell: Shell, { stateDir, token }: Config, { url }: Served): void {
  const { stdout } = shell;
  const auth = token === undefined ? "" : ' -H "authorization: Bearer $CORRAL_TOKEN"';
  stdout.line(`Corral ${version} listens on ${url}`);
  stdout.line(`  state  ${stateDir}`);
  stdout.line(`  docs   ${url}/docs`);
  stdout.line(`  try    ${calledAs(shell)} run "Say hello"${stdout.isTerminal ? "   (in another terminal)" : ""}`);
  stdout.line(`         curl${auth} ${url}/v1/agents`);
}

/** Whatever hangs, at whatever moment the signal came: the daemon is gone by then. */
function leaveInTime({ stderr }: Shell): void {
  const late = () => {
    stderr.line("Not everything closed in time; what is left is swept at the next start.");
    dieOf("SIGKILL", exitCodes.failed);
  };
  setTimeout(late, closeLimitMs);
}

async function closeAll(config: Config, server: Served, composed: Composed): Promise<void> {
  await removeServerFile(config.stateDir, process.pid);
  await server.close();
  await composed.close();
}

async function announce(config: Config, server: Served, { kernel }: Composed): Promise<void> {
  await writeServerFile(config.stateDir, {
    url: server.url,
    pid: process.pid,
    version,
    startedAt: kernel.startedAt,
    ...(config.tokenFile === undefined ? {} : { tokenFile: config.tokenFile }),
  });
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

/** A daemon that nobody could find would only be in the way of the next one. */
async function announceOrLeave(config: Config, server: Served, composed: Composed): Promise<void> {
  try {
    await announce(config, server, composed);
  } catch (cause) {
    await closeAll(config, server, composed);
    throw new Fault(isFull(cause) ? "store.full" : "store.read_only", {
      detail: `The file by which other commands find this daemon cannot be written: ${String(cause)}`,
      help: isFull(cause) ? "Free some space on this disk, then start it again." : "Make the state directory writable.",
      cause,
    });
  }
}

async function listen(config: Config, composed: Composed): Promise<Served> {
  const { serve } = await import("@corral/daemon");
  try {
    return await serve({ daemon: composed.daemon, host: config.host, port: config.port });
  } catch (error) {
    await composed.close();
    throw error;
  }
}

/** Resolves when it is told to stop, or when there is no point in going on. */
function untilOver(signal: AbortSignal, { lost }: Composed): Promise<Fault | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  signal.addEventListener("abort", () => resolve(undefined), { once: true });
  return Promise.race([promise, lost]);
}

async function act(shell: Shell, flags: ServeFlags): Promise<number> {
  const leaving = new AbortController();
  using _ = shell.onInterrupt((name) => {
    shell.stderr.line(`Stopping (${name}); a second signal leaves at once.`);
    leaveInTime(shell);
    leaving.abort();
  });
  const { signal } = leaving;
  const config = await readConfig(settingsOf(flags), shell.world);
  const { compose } = await import("../compose.ts");
  const composed = await compose(config, { log: (line) => shell.stderr.line(line), signal });
  const { swept } = composed.kernel;
  if (swept.length > 0) shell.stderr.line(`Ended and removed what a former life of it had left: ${leftText(swept)}.`);
  if (signal.aborted) {
    await composed.close();
    return exitCodes.done;
  }
  const server = await listen(config, composed);
  await announceOrLeave(config, server, composed);
  greet(shell, config, server);
  const lost = await untilOver(signal, composed);
  if (lost) leaveInTime(shell);
  await closeAll(config, server, composed);
  if (lost) throw lost;
  return exitCodes.done;
}

export const serveCommand = (stage: Stage): Command =>
  declare<[], ServeFlags>(stage, {
    usage: "serve",
    summary: "Starts the daemon: sessions over HTTP, on 127.0.0.1:2468 unless said otherwise.",
    notes: `Flags come first, then CORRAL_* variables, then the config file ($XDG_CONFIG_HOME/corral/config.json), then
defaults. Beyond loopback a token is needed. Ctrl-C stops it, within 10 s; sessions are there again at the next start.`,
    examples: [
      "corral serve",
      "corral serve --port 0 --state ./state",
      "corral serve --host 0.0.0.0 --token-file ./token --allow-host corral.example.org",
      "corral serve -O https://app.example.org",
    ],
    options: [
      numberOption("-p, --port <port>", "the port; 0 picks a free one (CORRAL_PORT)"),
      new Option("--host <host>", "the address to listen on (CORRAL_HOST)"),
      collected("-O, --cors-allow-origin <origin>", "let pages of this origin in; may be repeated; * is any"),
      new Option("--cors-allow-credentials", "let those pages send credentials"),
      collected("--allow-host <name>", "a name that the daemon may be called by; may be repeated"),
      ...stateOptions(),
    ],
    act: (shell, { flags }) => act(shell, flags),
  });
