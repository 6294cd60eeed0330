/** Keeps the end of what a program says, up to so many bytes, cut between characters. */

export interface OutputTail {
  add(chunk: Uint8Array): void;
  /** While more may come, half a character at the end is held back. */
  read(options: { readonly whole: boolean }): { readonly output: string; readonly truncated: boolean };
}

/** So many pieces are put together into one, for a program that speaks byte by byte. */
const maxChunks = 512;

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** The last bytes of UTF-8 whose beginning is gone, without the rest of a character that was cut. */
function lastBytes(bytes: Uint8Array, limitBytes: number): Uint8Array {
  let from = Math.max(0, bytes.length - limitBytes);
  for (let i = 0; i < 3 && isContinuation(bytes[from]); i++) from++;
  return bytes.subarray(from);
}

function decode(bytes: Uint8Array, stream: boolean): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream });
}

export function createOutputTail(limitBytes: number): OutputTail {
  let chunks: Uint8Array[] = [];
  let heldBytes = 0;
  let dropped = false;

  function dropWhole(): void {
    while (heldBytes - (chunks[0]?.length ?? 0) >= limitBytes && chunks.length > 0) {
      heldBytes -= chunks.shift()?.length ?? 0;
      dropped = true;
    }
  }

  return {
    add(chunk) {
      if (chunk.length === 0) return;
      chunks.push(chunk);
      heldBytes += chunk.length;
      dropWhole();
      if (chunks.length > maxChunks) chunks = [Buffer.concat(chunks)];
    },
    read({ whole }) {
      const all = Buffer.concat(chunks);
      const isCut = dropped || all.length > limitBytes;
      const text = decode(isCut ? lastBytes(all, limitBytes) : all, !whole);
      // What is not UTF-8 grew by the decoding; the limit holds for what is told.
      const bytes = Buffer.from(text);
      if (bytes.length <= limitBytes) return { output: text, truncated: isCut };
      return { output: decode(lastBytes(bytes, limitBytes), false), truncated: true };
    },
  };
}
