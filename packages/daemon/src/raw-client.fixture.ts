/** A caller who holds the socket in its own hands: sends what it likes, and reads when it likes. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** All that came so far. */
  readonly heard: string;
  send(text: string): void;
  /** Resolves when what was heard fits. */
  until(fits: (heard: string) => boolean): Promise<string>;
  /** Resolves with all that came when the other side has closed. */
  readonly closed: Promise<string>;
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  let heard = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    heard += text;
  });
  // What it leads to is seen in what was heard.
  socket.on("error", () => undefined);
  return {
    socket,
    get heard() {
      return heard;
    },
    send: (text) => void socket.write(text),
    async until(fits) {
      while (!fits(heard) && !socket.closed) await change(socket);
      return heard;
    },
    closed: new Promise((resolve) => void socket.once("close", () => resolve(heard))),
  };
}

const change = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const settle = () => {
      for (const event of ["data", "close"]) socket.off(event, settle);
      resolve();
    };
    for (const event of ["data", "close"]) socket.on(event, settle);
  });

export const get = (path: string, headers: Readonly<Record<string, string>> = {}): string =>
  [
    `GET ${path} HTTP/1.1`,
    "host: localhost",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "",
    "",
  ].join("\r\n");
