/** A daemon in a process of its own, on a state directory of its own, that can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Clock, ownerOf, sleep } from "@corral/kernel";
import { type Canaries, canaryVariable } from "../look/canaries.ts";
import { filesOf } from "../look/processes.ts";
import { clockJump } from "./clock-jump.ts";
import { fillDisk, type SmallDisk, takeSmallDisk } from "./small-disk.ts";

export interface HouseNeed {
  /** What starts `corral`: the program and what comes before its own arguments. */
  readonly corral: readonly [string, ...string[]];
  /** What every program may have: PATH and such. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly clock: Clock;
  /** Its wall clock can be made to jump by so many milliseconds. */
  readonly jumpMs?: number;
  /** Its state directory is on a disk that can be filled. */
  readonly smallDisk?: boolean;
  readonly signal: AbortSignal;
}

/** One life of the daemon. */
interface Life {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly gone: Promise<number | undefined>;
}

const startLimitMs = 120_000;
const startAttempts = 4;
/** Looking costs more than the daemon needs for starting, on a machine that is busy. */
const lookEveryMs = 30;

/** A port below those that the system gives to clients by itself, so that it is still free after a restart. */
async function freePort(clock: Clock): Promise<number> {
  for (;;) {
    const [high = 0, low = 0] = clock.chance(2);
    const port = 20_000 + (((high << 8) | low) % 12_000);
    const probe = createServer();
    try {
      await once(probe.listen(port, "127.0.0.1"), "listening");
      return port;
    } catch {
      // Somebody has it: try another.
    } finally {
      probe.close();
    }
  }
}

const secret = (clock: Clock): string => `canary-${Buffer.from(clock.chance(12)).toString("hex")}`;

export class House implements AsyncDisposable {
  readonly url: string;
  readonly stateDir: string;
  readonly folder: string;
  readonly token: string;
  readonly tokenFile: string;
  readonly canaries: Omit<Canaries, "session">;
  readonly disk: SmallDisk | undefined;
  readonly clock: Clock;
  readonly #need: HouseNeed;
  readonly #port: number;
  #life: Life | undefined;
  #stderr = "";
  #lives = 0;
  /** What it has open when nothing is going on. */
  #base: readonly string[] = [];

  private constructor(need: HouseNeed, port: number, disk: SmallDisk | undefined) {
    this.#need = need;
    this.#port = port;
    this.disk = disk;
    this.clock = need.clock;
    this.folder = need.folder;
    this.stateDir = disk?.folder ?? join(need.folder, "state");
    this.url = `http://127.0.0.1:${port}`;
    this.token = secret(need.clock);
    this.tokenFile = join(need.folder, "token");
    this.canaries = { token: this.token, environment: secret(need.clock) };
  }

  static async open(need: HouseNeed): Promise<House> {
    await mkdir(need.folder, { recursive: true });
    const disk = need.smallDisk ? await takeSmallDisk(join(need.folder, "state")) : undefined;
    for (let attempt = 1; ; attempt++) {
      const house = new House(need, await freePort(need.clock), disk);
      await mkdir(house.stateDir, { recursive: true });
      await writeFile(house.tokenFile, house.token, { mode: 0o600 });
      try {
        await house.start();
        return house;
      } catch (error) {
        await house.kill();
        // Somebody was faster at the port: take another.
        if (attempt < startAttempts && house.stderr.includes("daemon.listen")) continue;
        await disk?.release();
        throw error;
      }
    }
  }

  get corral(): HouseNeed["corral"] {
    return this.#need.corral;
  }

  get hostEnv(): HouseNeed["hostEnv"] {
    return this.#need.hostEnv;
  }

  get pid(): number {
    return this.#life?.pid ?? 0;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** How many times it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** By which its children are marked. */
  get owner(): string {
    return ownerOf(this.stateDir);
  }

  /** Starts a process and does not wait for it to listen. */
  begin({ jumped = false, hush = false } = {}): void {
    const { corral, hostEnv, folder, jumpMs } = this.#need;
    const [command, ...before] = corral;
    const preload = jumpMs === undefined ? [] : ["--import", clockJump(jumpMs, { jumped })];
    const own = ["serve", "--port", String(this.#port), "--state", this.stateDir, "--token-file", this.tokenFile];
    const child = spawn(command, [...preload, ...before, ...own], {
      cwd: folder,
      env: { ...hostEnv, HOME: folder, [canaryVariable]: this.canaries.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (hush) this.#hush(child);
    child.stdout?.resume();
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    const gone = once(child, "exit").then(([code]) => (typeof code === "number" ? code : undefined));
    this.#life = { child, pid: child.pid ?? 0, gone };
    this.#lives += 1;
  }

  /** Starts it and waits until it answers. */
  async start(options: Parameters<House["begin"]>[0] = {}): Promise<void> {
    this.begin(options);
    await this.answers();
  }

  /** Resolves when it answers; rejects when it ends instead, or is too late. */
  async answers(): Promise<void> {
    const { clock, signal } = this.#need;
    const dueMs = clock.monotonicMs() + startLimitMs;
    const ended = this.gone().then(() => "ended" as const);
    for (;;) {
      const look = await Promise.race([this.isAnswering(2_000), ended]);
      if (look === true) break;
      if (look === "ended") throw new Error(`the daemon ended instead of starting: ${this.#stderr.slice(-500)}`);
      if (clock.monotonicMs() > dueMs) throw new Error("the daemon did not start in time");
      await sleep(clock, lookEveryMs, { signal });
    }
  }

  /** Takes what it holds open now for what it holds open anyway; it has written something and started nothing yet. */
  remember(): void {
    this.#base = filesOf(this.pid);
  }

  /** Whether it stays once it has come up, or leaves instead: it is up when others can find it. */
  async comesUp(): Promise<boolean> {
    const { clock, signal } = this.#need;
    const file = join(this.stateDir, "daemon.json");
    for (const mark = `"pid": ${this.pid},`; this.isAlive; await sleep(clock, lookEveryMs, { signal })) {
      if ((await readFile(file, "utf8").catch(() => "")).includes(mark)) return true; // Not written yet.
    }
    return false;
  }

  async isAnswering(limitMs: number): Promise<boolean> {
    const late = new AbortController();
    const takeBack = this.#need.clock.after(limitMs, () => late.abort());
    try {
      // Something that only our own token opens, for another daemon may have taken the port; and a connection of its own,
      // none that a frozen or dead daemon has left in the pool.
      const headers = { authorization: `Bearer ${this.token}`, connection: "close" };
      const answer = await fetch(`${this.url}/v1/runs`, { headers, signal: late.signal });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      // Refused, cut or too late: it does not answer.
      return false;
    } finally {
      takeBack();
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#life?.child.kill(name);
  }

  /** Resolves when this life is over: with its exit code, or with nothing when a signal ended it. */
  gone(): Promise<number | undefined> {
    return this.#life?.gone ?? Promise.resolve(undefined);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.gone();
  }

  /** Nobody reads any more what it says. */
  closePipes(): void {
    if (this.#life) this.#hush(this.#life.child);
  }

  #hush({ stdout, stderr }: ChildProcess): void {
    stdout?.destroy();
    stderr?.destroy();
  }

  /** Resolves when it has taken the state directory, which is before it has restored anything. */
  async restoring(): Promise<void> {
    const { clock, signal } = this.#need;
    const file = join(this.stateDir, "lock.pid");
    while ((await readFile(file, "utf8").catch(() => "")).trim() !== String(this.pid)) {
      // Not written yet.
      if (!this.isAlive) return;
      await sleep(clock, 2, { signal });
    }
  }

  get isAlive(): boolean {
    const child = this.#life?.child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** What it holds open beyond what it was remembered with. */
  opened(): readonly string[] {
    const known = [...this.#base];
    return filesOf(this.pid).filter((file) => {
      const kind = file.replace(/\[\d+\]/, "");
      const at = known.findIndex((one) => one.replace(/\[\d+\]/, "") === kind);
      if (at >= 0) known.splice(at, 1);
      return at < 0;
    });
  }

  fill(): Promise<void> {
    return this.disk ? fillDisk(this.disk) : Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const { clock } = this.#need;
    const takeBack = clock.after(15_000, () => this.signal("SIGKILL"));
    await this.gone();
    takeBack();
    await this.disk?.release();
    await rm(this.#need.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
