/** A program: asks one path again and again on a few kept connections, and counts the answers. */
import { connect } from "node:net";

interface Request {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly ms: number;
}

export interface Load {
  readonly perSecond: number;
}

const { port, path, connections, ms } = JSON.parse(process.argv[2] ?? "{}") as Request;
const question = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
const headEnd = Buffer.from("\r\n\r\n");
let answers = 0;

/** How long a whole answer is; undefined while it is not all there. Answers here are short and come with their length. */
function answerBytes(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const length = Number(/^content-length: (\d+)/im.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
  const whole = end + 4 + length;
  return bytes.length >= whole ? whole : undefined;
}

function ask(): void {
  let rest: Buffer = Buffer.alloc(0);
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay();
  socket.on("connect", () => socket.write(question));
  socket.on("data", (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const whole = answerBytes(rest);
    if (whole === undefined) return;
    rest = rest.subarray(whole);
    answers += 1;
    socket.write(question);
  });
  socket.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
}

for (let at = 0; at < connections; at += 1) ask();
const warmUpMs = 500;
setTimeout(() => {
  const [before, began] = [answers, performance.now()];
  setTimeout(() => {
    const perSecond = ((answers - before) / (performance.now() - began)) * 1000;
    console.log(JSON.stringify({ perSecond } satisfies Load));
    process.exit(0);
  }, ms);
}, warmUpMs);
