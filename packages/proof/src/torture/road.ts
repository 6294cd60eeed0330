/** A bad road between client and daemon: a proxy that cuts, delays, splits, buffers and duplicates connections. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type Clock, sleep } from "@corral/kernel";
import { createHold } from "./hold.ts";

/** What happens to one connection. */
export interface Passage {
  /** So many bytes of the answers pass before the connection is cut; all of them when absent. */
  readonly cutAnswerAfter?: number;
  /** The same for what the client says. */
  readonly cutRequestAfter?: number;
  /** Each piece waits so long; what comes meanwhile gathers behind it. */
  readonly delayMs: () => number;
  /** Pieces are no longer than this, wherever that cuts them. */
  readonly pieceBytes: () => number;
  /** A second connection says the same to the daemon, and its answers are dropped. */
  readonly twice: boolean;
  /** Passes an answer on only when it is complete. */
  readonly holdsBack: boolean;
}

export interface RoadNeed {
  readonly port: number;
  readonly clock: Clock;
  /** Drawn for each connection. */
  readonly passage: () => Passage;
}

export interface Road extends AsyncDisposable {
  readonly url: string;
  readonly tally: Tally;
}

export interface Tally {
  connections: number;
  cuts: number;
  duplicates: number;
}

interface Ride {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly passage: Passage;
  readonly clock: Clock;
  readonly tally: Tally;
  readonly over: AbortSignal;
  readonly end: () => void;
}

function* piecesOf(bytes: Buffer, { pieceBytes }: Passage): Generator<Buffer> {
  for (let from = 0; from < bytes.length; ) {
    const piece = bytes.subarray(from, from + pieceBytes());
    from += piece.length;
    yield piece;
  }
}

async function carryAnswers({ client, upstream, passage, clock, tally, over, end }: Ride): Promise<void> {
  let left = passage.cutAnswerAfter ?? Number.POSITIVE_INFINITY;
  const hold = passage.holdsBack ? createHold() : undefined;
  for await (const bytes of upstream as AsyncIterable<Buffer>) {
    for (const piece of piecesOf(hold ? hold(bytes) : bytes, passage)) {
      const waitMs = passage.delayMs();
      if (waitMs > 0) await sleep(clock, waitMs, { signal: over });
      const some = piece.subarray(0, left);
      left -= some.length;
      if (!client.write(some)) await once(client, "drain", { signal: over });
      if (left > 0) continue;
      tally.cuts += 1;
      return end();
    }
  }
  client.end();
}

function carryRequests({ client, upstream, passage, tally, end }: Ride, shadow: Socket | undefined): void {
  let left = passage.cutRequestAfter ?? Number.POSITIVE_INFINITY;
  client.on("data", (bytes: Buffer) => {
    const some = bytes.subarray(0, left);
    left -= some.length;
    upstream.write(some);
    shadow?.write(some);
    if (left > 0) return;
    tally.cuts += 1;
    end();
  });
}

function carry(client: Socket, { port, clock, passage: draw }: RoadNeed, tally: Tally): void {
  const passage = draw();
  const upstream = connect(port, "127.0.0.1");
  const shadow = passage.twice ? connect(port, "127.0.0.1").resume() : undefined;
  const ends = new AbortController();
  const all = [client, upstream, ...(shadow ? [shadow] : [])];
  const end = () => {
    ends.abort(new Error("the connection is over"));
    for (const socket of all) socket.destroy();
  };
  tally.connections += 1;
  if (shadow) tally.duplicates += 1;
  for (const socket of all) socket.on("error", end); // Cuts are what this road is for; the client sees its own.
  // What the daemon has said when it closes is still on its way; whoever carries it closes the client's side.
  client.on("close", end);
  const ride: Ride = { client, upstream, passage, clock, tally, over: ends.signal, end };
  carryRequests(ride, shadow);
  carryAnswers(ride).catch(end); // A connection that is over carries nothing more.
}

export async function openRoad(need: RoadNeed): Promise<Road> {
  const tally: Tally = { connections: 0, cuts: 0, duplicates: 0 };
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    carry(client, need, tally);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    tally,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}
