/** Answers as a web `Response`, where there is no socket to write to. */
import { type Outlet, type Sink, sinkLimitBytes } from "./call.ts";

type Opened = ReadableStreamDefaultController<Uint8Array>;

function openBody(onClose: () => void): { readonly sink: Sink; readonly body: ReadableStream<Uint8Array> } {
  let waiting: (() => void) | undefined;
  let open: Opened | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        open = opened;
      },
      pull() {
        waiting?.();
        waiting = undefined;
      },
      cancel() {
        open = undefined;
        onClose();
        waiting?.();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: sinkLimitBytes }),
  );
  const sink: Sink = {
    write: (bytes) => open?.enqueue(bytes),
    get full() {
      return (open?.desiredSize ?? 1) <= 0;
    },
    onDrain: (call) => {
      waiting = call;
    },
    end: () => open?.close(),
    drop: (error) => open?.error(error),
  };
  return { sink, body };
}

export const webOutlet = ({ method }: Request): Outlet<Response> => ({
  reply: ({ status, headers, text }) =>
    new Response(method === "HEAD" ? undefined : text, { status, headers: { ...headers } }),
  stream({ status, headers }, onClose) {
    const { sink, body } = openBody(onClose);
    return { sink, out: new Response(body, { status, headers: { ...headers } }) };
  },
});
