/** A web `Request`, as the daemon reads it. */
import type { Call } from "./call.ts";

async function whole({ body }: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body ?? []) {
    total += chunk.byteLength;
    if (total > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}

export const webCall = (request: Request): Call => ({
  method: request.method,
  url: new URL(request.url),
  headers: request.headers,
  signal: request.signal,
  bytes: (maxBytes) => whole(request, maxBytes),
});
