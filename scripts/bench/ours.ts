/** Corral as it ships: the bundle, started on directories of its own. */
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Corral, connect } from "@corral/client";
import { bundle } from "../build/bundle.ts";
import { freePort, type Server, start } from "./child.ts";

export interface Started extends Server {
  readonly corral: Corral;
}

export interface Ours {
  /** The bundled executable. */
  readonly program: string;
  /** The bundled scripted agent, which any ACP client can start. */
  readonly agent: string;
  readonly env: Readonly<Record<string, string>>;
  start(state?: string): Promise<Started>;
  /** A new directory for a daemon's state. */
  state(): Promise<string>;
}

/** Longer than the program waits before it writes its compiled code down. */
const compiledMs = 3_000;

export async function prepareOurs(root: string, folder: string): Promise<Ours> {
  const lib = join(folder, "corral", "lib");
  await bundle({ root, folder: lib });
  const home = join(folder, "home");
  await mkdir(home);
  const env = { PATH: process.env.PATH ?? "", HOME: home, LANG: "C.UTF-8" };
  const program = join(lib, "corral.js");
  const state = () => mkdtemp(join(folder, "state-"));
  const startOn = async (dir?: string): Promise<Started> => {
    const port = await freePort();
    const args = [program, "serve", "--port", String(port), "--state", dir ?? (await state())];
    const server = await start({ command: process.execPath, args, env, port });
    return { ...server, corral: connect({ url: server.url }) };
  };
  {
    // The first start compiles; every later one of this release finds it done.
    await using _first = await startOn();
    await sleep(compiledMs);
  }
  return { program, agent: join(lib, "program.js"), env, start: startOn, state };
}
