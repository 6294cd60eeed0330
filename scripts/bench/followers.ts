/** A program: many bare sockets that follow one stream of events and only count. */
import { connect } from "node:net";

interface Request {
  readonly port: number;
  readonly path: string;
  readonly followers: number;
  /** What every counted event has in it exactly once. */
  readonly mark: string;
  /** Each follower is done when it has counted so many … */
  readonly events: number;
  /** … or when it has heard nothing for so long. */
  readonly idleMs: number;
}

export interface Followed {
  /** By all followers together. */
  readonly events: number;
  readonly bytes: number;
  /** The fewest that one follower got. */
  readonly fewest: number;
  /** When the first and the last counted byte came, on the clock that all processes of a machine share. */
  readonly firstMs: number;
  readonly lastMs: number;
}

const { port, path, followers, mark, events: wanted, idleMs } = JSON.parse(process.argv[2] ?? "{}") as Request;
const wantedMark = Buffer.from(mark);
const counts = new Array<number>(followers).fill(0);
let [bytes, listening, done, firstMs, lastMs] = [0, 0, 0, 0, Date.now()];

function marksIn(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(wantedMark); at >= 0; at = chunk.indexOf(wantedMark, at + wantedMark.length)) count += 1;
  return count;
}

function finish(): void {
  const events = counts.reduce((sum, count) => sum + count, 0);
  const fewest = Math.min(...counts);
  console.log(JSON.stringify({ events, bytes, fewest, firstMs, lastMs } satisfies Followed));
  process.exit(0);
}

function follow(at: number): void {
  const socket = connect(port, "127.0.0.1");
  let [heard, tail] = [false, Buffer.alloc(0)];
  socket.on("connect", () =>
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`),
  );
  socket.on("data", (chunk) => {
    if (!heard) {
      heard = true;
      listening += 1;
      if (listening === followers) console.log('{"ready":true}');
    }
    bytes += chunk.length;
    // A mark may be cut in two: what could be its beginning is looked at again with what comes next.
    const whole = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const found = marksIn(whole);
    tail = Buffer.from(whole.subarray(Math.max(0, whole.length - wantedMark.length + 1)));
    if (found === 0) return;
    lastMs = Date.now();
    firstMs ||= lastMs;
    const before = counts[at] ?? 0;
    counts[at] = before + found;
    if (before < wanted && before + found >= wanted) done += 1;
    if (done === followers) finish();
  });
  socket.on("error", (error) => console.error(error.message));
}

for (let at = 0; at < followers; at += 1) follow(at);
setInterval(() => {
  if (firstMs > 0 && Date.now() - lastMs > idleMs) finish();
}, 200);
