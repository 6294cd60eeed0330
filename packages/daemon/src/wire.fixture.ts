/** Two ways to the same daemon, so that each rule of the wire is checked on both: its fetch function, and a socket. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach } from "vitest";
import { type House, type HouseOptions, openHouse } from "./house.fixture.ts";
import type { Served } from "./node.ts";
import { serve } from "./node.ts";

export interface Wire extends AsyncDisposable {
  readonly house: House;
  /** Like fetch, for a path; headers that browsers keep for themselves, such as Host, can be set. */
  call(path: string, init?: RequestInit): Promise<Response>;
}

export interface Way {
  readonly name: string;
  open(options?: HouseOptions): Promise<Wire>;
}

async function openFunction(options: HouseOptions = {}): Promise<Wire> {
  const house = await openHouse(options);
  return {
    house,
    call: (path, init) => house.daemon.fetch(new Request(`http://localhost${path}`, init)),
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  };
}

const headerEntries = ({ headers }: IncomingMessage): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, String(value)]);

/** The platform's fetch sets Host and Origin itself; where a test lies about them Node's own client speaks. */
export function lie(url: string, { method = "GET", headers = {}, body }: RequestInit): Promise<Response> {
  return new Promise((resolve, reject) => {
    const given = Object.fromEntries(new Headers(headers));
    const call = httpRequest(url, { method, headers: given, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const status = incoming.statusCode ?? 0;
        const empty = status === 204 || method === "HEAD";
        resolve(new Response(empty ? null : Buffer.concat(chunks), { status, headers: headerEntries(incoming) }));
      });
    });
    call.on("error", reject);
    call.end(body ?? undefined);
  });
}

export interface SocketWire extends Wire {
  readonly served: Served;
}

export async function openSocket(options: HouseOptions = {}): Promise<SocketWire> {
  const house = await openHouse(options);
  const served = await serve({ daemon: house.daemon, port: 0 });
  const lies = (init: RequestInit = {}) =>
    ["host", "origin", "connection"].some((name) => new Headers(init.headers).has(name));
  return {
    house,
    served,
    call: (path, init) => (lies(init) ? lie(served.url + path, init ?? {}) : fetch(served.url + path, init)),
    async [Symbol.asyncDispose]() {
      await served.close();
      await house[Symbol.asyncDispose]();
    },
  };
}

/** Opens sockets for the tests of a file, and after each test closes what it has opened, the last one first. */
export function openForEachTest() {
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });
  const open = async (options?: HouseOptions): Promise<SocketWire> => {
    const wire = await openSocket(options);
    opened.push(wire);
    return wire;
  };
  return { open, opened };
}

export const ways: readonly Way[] = [
  { name: "the fetch function", open: openFunction },
  { name: "a socket", open: openSocket },
];

export const jsonInit = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
