/** Cuts a stream of bytes into lines of bounded length; what is longer is left out, and said to be. */

export interface Lines {
  /** Each whole line that these bytes complete, in order. */
  push(bytes: Buffer): Iterable<Buffer | Oversized>;
  /** What was left when the stream ended without a last newline. */
  end(): Buffer | Oversized | undefined;
}

export interface Oversized {
  readonly oversizedBytes: number;
}

const newline = 0x0a;

export function createLines(maxBytes: number): Lines {
  let parts: Buffer[] = [];
  let heldBytes = 0;
  let droppedBytes = 0;

  function take(rest: Buffer): Buffer | Oversized {
    const total = heldBytes + rest.length + droppedBytes;
    const line = droppedBytes > 0 || total > maxBytes ? { oversizedBytes: total } : Buffer.concat([...parts, rest]);
    parts = [];
    heldBytes = 0;
    droppedBytes = 0;
    return line;
  }

  function hold(rest: Buffer): void {
    if (rest.length === 0) return;
    if (droppedBytes > 0 || heldBytes + rest.length > maxBytes) {
      droppedBytes += heldBytes + rest.length;
      parts = [];
      heldBytes = 0;
      return;
    }
    parts.push(rest);
    heldBytes += rest.length;
  }

  return {
    *push(bytes) {
      let from = 0;
      for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
        yield take(bytes.subarray(from, at));
        from = at + 1;
      }
      hold(bytes.subarray(from));
    },
    end: () => (heldBytes + droppedBytes > 0 ? take(Buffer.alloc(0)) : undefined),
  };
}
