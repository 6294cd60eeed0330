/** Holds back the bytes of an answer until it is complete, as some proxies do. */

const blank = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("\r\n0\r\n\r\n");

/** Whether these bytes end with the end of an answer: by its length, or by its last chunk. */
function isWhole(bytes: Buffer): boolean {
  const headEnd = bytes.indexOf(blank);
  if (headEnd < 0) return false;
  const head = bytes.subarray(0, headEnd).toString("latin1");
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  const bodyBytes = bytes.length - headEnd - blank.length;
  if (length !== undefined) return bodyBytes >= Number(length);
  if (/^transfer-encoding: chunked/im.test(head)) return bytes.subarray(-lastChunk.length).equals(lastChunk);
  return bodyBytes >= 0;
}

/** Gives nothing until there is a whole answer, and then all of it. */
export function createHold(): (bytes: Buffer) => Buffer {
  let held = Buffer.alloc(0);
  return (bytes) => {
    held = Buffer.concat([held, bytes]);
    if (!isWhole(held)) return Buffer.alloc(0);
    const whole = held;
    held = Buffer.alloc(0);
    return whole;
  };
}
