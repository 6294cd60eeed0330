/** A bad road between client and daemon: cuts at any byte, dawdles, sends requests twice, or holds answers back. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Road {
  /** How many bytes of the answer pass before the connection is cut; all of them when absent. */
  readonly cutAfter?: () => number | undefined;
  readonly delayMs?: () => number;
  /** Sends the same request over a second connection too, and drops its answer. */
  readonly twice?: () => boolean;
  /** Passes an answer on only when it is complete. */
  readonly holdsBack?: boolean;
}

export interface ProxyFixture extends AsyncDisposable {
  readonly url: string;
  readonly connections: () => number;
}

function carry(client: Socket, port: number, { cutAfter, delayMs, twice, holdsBack }: Road): void {
  const upstream = connect(port, "127.0.0.1");
  const shadow = twice?.() ? connect(port, "127.0.0.1") : undefined;
  const all = [client, upstream, ...(shadow ? [shadow] : [])];
  const end = () => all.forEach((socket) => void socket.destroy());
  for (const socket of all) socket.on("error", end); // A cut is what this road is for.
  shadow?.resume();
  client.on("data", (bytes) => {
    upstream.write(bytes);
    shadow?.write(bytes);
  });
  client.on("close", end);
  let left = cutAfter?.() ?? Number.POSITIVE_INFINITY;
  const held: Buffer[] = [];
  let passing = Promise.resolve();
  const pass = async (bytes: Buffer) => {
    const waitMs = delayMs?.() ?? 0;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (client.destroyed) return;
    const some = bytes.subarray(0, left);
    left -= some.length;
    client.write(some, () => left <= 0 && end());
  };
  upstream.on("data", (bytes: Buffer) => {
    if (holdsBack) held.push(bytes);
    // A buffering proxy knows an answer's end by its length; ours are told apart by their last bytes.
    if (!holdsBack) passing = passing.then(() => pass(bytes));
    else if (bytes.toString("latin1").endsWith("0\r\n\r\n"))
      passing = passing.then(() => pass(Buffer.concat(held.splice(0))));
  });
  upstream.on("close", () => void passing.then(end));
}

export async function openProxy(port: number, road: Road): Promise<ProxyFixture> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections++;
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    carry(client, port, road);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
