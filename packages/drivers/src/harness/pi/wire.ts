/** The records of Pi as the frames of JSON-RPC, so that one kind of peer reads, bounds and answers both. */
import { Readable, Writable } from "node:stream";
import { type Child, createLines, type Frame, isFrame, maxFrameBytes } from "@corral/kernel";

/** What a person would answer; everything else of the extensions' surface only tells. */
const dialogs: readonly unknown[] = ["select", "confirm", "input", "editor"];

export function frameOf(record: Frame): Frame {
  const { type, id, ...rest } = record;
  if (type === "response") {
    const { success, data: result, error } = rest;
    return success === true ? { id: Number(id), result: result ?? {} } : { id: Number(id), error: { message: error } };
  }
  if (type !== "extension_ui_request") return { method: String(type), params: rest };
  return dialogs.includes(rest.method) ? { id, method: "dialog", params: rest } : { method: "shown", params: rest };
}

/** A question that was not taken is one that was dismissed. */
export function recordOf({ method, id, params, result }: Frame): Frame {
  if (typeof method === "string") return { id: String(id), type: method, ...(isFrame(params) ? params : {}) };
  return { type: "extension_ui_response", id, ...(isFrame(result) ? result : { cancelled: true }) };
}

function frameLine(line: Buffer): string {
  const text = line.toString("utf8");
  try {
    const record: unknown = JSON.parse(text);
    return isFrame(record) ? JSON.stringify(frameOf(record)) : text;
  } catch {
    return text; // No record: the peer says so.
  }
}

async function* framesFrom(stdout: Readable): AsyncGenerator<string> {
  const lines = createLines(maxFrameBytes);
  for await (const bytes of stdout) {
    for (const line of lines.push(bytes)) {
      yield `${Buffer.isBuffer(line) ? frameLine(line) : `A record of ${line.oversizedBytes} bytes was left out.`}\n`;
    }
  }
}

/** The peer writes one whole frame at a time. */
function recordsTo(stdin: Writable): Writable {
  const records = new Writable({
    decodeStrings: false,
    write: (frame, _encoding, done) =>
      void stdin.write(`${JSON.stringify(recordOf(JSON.parse(String(frame))))}\n`, done),
  });
  stdin.on("error", (error) => records.destroy(error)).on("close", () => records.destroy());
  return records;
}

export const translated = ({ stdin, stdout }: Pick<Child, "stdin" | "stdout">) => ({
  stdin: recordsTo(stdin),
  stdout: Readable.from(framesFrom(stdout), { objectMode: false }),
});
