/** What the daemon reads of a request, and how its answer goes out: of a web `Request` a call is made, and of one on a socket. */

export interface Call {
  readonly method: string;
  /** Parsed once, so that nobody reads it in another way than the one who let it in. */
  readonly url: URL;
  readonly headers: {
    /** Repeated headers are joined by commas. */
    get(name: string): string | null;
    has(name: string): boolean;
  };
  /** Aborted when the caller hangs up before the answer is whole. */
  readonly signal: AbortSignal;
  /** The whole body, or nothing when it is longer than that; rejects when the caller leaves before it came. Asked once. */
  bytes(maxBytes: number): Promise<Uint8Array | undefined>;
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** A whole answer; without a text it has no body. */
export interface Whole extends Head {
  readonly text?: string;
}

/** Where the bytes of one stream go. */
export interface Sink {
  write(bytes: Uint8Array): void;
  /** Too much is waiting to be read; `onDrain` calls back when it no longer is. */
  readonly full: boolean;
  onDrain(call: () => void): void;
  end(): void;
  /** Cuts the connection, so that the caller notices and comes back with its cursor. */
  drop(error: Error): void;
}

export const sinkLimitBytes = 1024 * 1024;

/** The way an answer takes; `Out` is what is handed back for it, such as a `Response`, or nothing once it is on a socket. */
export interface Outlet<Out> {
  reply(whole: Whole): Out;
  /** Begins a stream. `onClose` is called when the caller is gone. */
  stream(head: Head, onClose: () => void): { readonly sink: Sink; readonly out: Out };
}

/** Everything that goes out this way says these headers as well. */
export const saying = <Out>(outlet: Outlet<Out>, said: Head["headers"]): Outlet<Out> => ({
  reply: (whole) => outlet.reply({ ...whole, headers: { ...whole.headers, ...said } }),
  stream: ({ status, headers }, onClose) => outlet.stream({ status, headers: { ...headers, ...said } }, onClose),
});
