/** A small server that is told how to misbehave: it is silent, dies, floods its output, is sick for a while, or never answers. */
import { appendFileSync, existsSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface Misbehaviour {
  /** Where it writes down its starts, and reads how it is: a file `health` with `well`, `sick` or `deaf`. */
  readonly dir: string;
  /** It dies before it listens, with these last words. */
  readonly dies?: string;
  /** It never says where it listens. */
  readonly mute?: boolean;
  /** So many bytes are written to stdout and to stderr before it listens. */
  readonly floodBytes?: number;
  /** So often it is sick before it is well. */
  readonly sickLooks?: number;
}

const { dir, dies, mute, floodBytes = 0, sickLooks = 0 } = JSON.parse(process.argv[2] ?? "{}") as Misbehaviour;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // It has gone.
  }
}

const book = join(dir, "starts");
const before = existsSync(book) ? readFileSync(book, "utf8").trim().split("\n").map(Number) : [];
if (before.some(isAlive)) appendFileSync(join(dir, "together"), `${process.pid}\n`);
appendFileSync(book, `${process.pid}\n`);

/** Written as a program writes that waits for its reader: to the last byte, or not at all further. */
function flood(file: number): void {
  const line = Buffer.from(`${"x".repeat(1023)}\n`);
  for (let left = floodBytes; left > 0; left -= line.length) {
    for (let at = 0; at < line.length; ) {
      try {
        at += writeSync(file, line, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
    }
  }
}

flood(1);
flood(2);
if (dies !== undefined) {
  writeSync(2, `${dies}\n`);
  process.exit(3);
}

let looks = 0;
const health = join(dir, "health");
const server = createServer((request, response) => {
  if (request.headers.authorization !== process.env.SERVER_KEY) return void response.writeHead(401).end();
  looks += 1;
  const state = existsSync(health) ? readFileSync(health, "utf8").trim() : looks > sickLooks ? "well" : "sick";
  if (state !== "deaf") response.writeHead(state === "well" ? 200 : 503).end(state);
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  if (!mute) console.log(`listening on http://127.0.0.1:${port}`);
});
