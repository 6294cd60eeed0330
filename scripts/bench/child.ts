/** Starts a server, waits until it is healthy, and looks at what it costs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
}

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** From its start to its first healthy answer. */
  readonly healthyMs: number;
}

export interface Memory {
  readonly rssMb: number;
  /** What it shares with others counts by halves, thirds … */
  readonly pssMb: number;
}

const lookEveryMs = 2;
const startLimitMs = 20_000;
const stopLimitMs = 3_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

/** Asks once on a bare socket, so that asking costs next to nothing. */
function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => socket.write(`GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`));
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
      if (said.includes("200 OK")) socket.destroy();
    });
    // Nobody listens yet: the next look may find it.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(said.includes("200 OK")));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const insist = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await exited;
  clearTimeout(insist);
}

export async function start({ command, args, env, port }: Launch): Promise<Server> {
  const began = performance.now();
  const child = spawn(command, [...args], { env: { ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-2000);
  });
  child.once("error", (error) => {
    said += error.message;
  });
  while (!(await isHealthy(port))) {
    const late = performance.now() - began > startLimitMs;
    if (late || child.exitCode !== null || child.pid === undefined) {
      await stop(child);
      throw new Error(`${command} did not become healthy: ${said}`);
    }
    await sleep(lookEveryMs);
  }
  const healthyMs = performance.now() - began;
  const [url, pid] = [`http://127.0.0.1:${port}`, child.pid ?? 0];
  return { url, port, pid, healthyMs, [Symbol.asyncDispose]: () => stop(child) };
}

const field = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);

/** What a process holds now. Only Linux tells it. */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return { rssMb: field(text, "Rss") / 1024, pssMb: field(text, "Pss") / 1024 };
}
