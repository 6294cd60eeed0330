/** Installs an agent and hears every step of it, line by line. */
import {
  Fault,
  type InstalledAgent,
  type InstallLine,
  type InstallProgressLine,
  type InstallRequest,
  type StreamEnd,
  streamMediaTypes,
} from "@corral/protocol";
import type { Wire } from "./call.ts";
import { type Ear, openEar } from "./ear.ts";
import { parseJson, unreachable } from "./request.ts";
import { anySignal } from "./sleep.ts";

type Changeable<Some> = { -readonly [Name in keyof Some]?: Some[Name] };

export interface InstallOptions extends Readonly<Changeable<InstallRequest>> {
  readonly onProgress?: ((progress: InstallProgressLine) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Line = InstallLine | StreamEnd;

async function* readLines(body: ReadableStream<Uint8Array>, ear: Ear): AsyncGenerator<Line> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await ear.listen(reader.read());
      if (done) return;
      ear.hear();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      // An empty line is only a heartbeat.
      for (const line of lines.filter(Boolean)) yield parseJson(line) as Line;
    }
  } finally {
    reader.cancel().catch(() => undefined); // A stream that broke has told its reason to the read already.
  }
}

/** What the last line says; others are passed on. */
function ended(line: Line, onProgress: InstallOptions["onProgress"]): InstalledAgent | undefined {
  if (line.type === "install.failed") throw new Fault(line.fault.code, line.fault as never);
  if (line.type === "install.done") {
    const { type: _, ...installed } = line;
    return installed;
  }
  if (line.type === "install.progress") onProgress?.(line);
  return undefined;
}

export async function install(
  wire: Wire,
  agent: string,
  { onProgress, signal, ...body }: InstallOptions = {},
): Promise<InstalledAgent> {
  const silence = () => unreachable(wire.url, "The installation has gone silent.");
  using ear = openEar({ sleep: wire.sleep, signal: anySignal(wire.signal, signal), silence });
  const headers = { accept: streamMediaTypes.ndjson, "content-type": streamMediaTypes.json };
  const opening = wire.open("installAgent", { params: { agent }, body }, { headers, signal: ear.signal });
  const response = await ear.listen(opening);
  // From here on only missing heartbeats are silence: large packages are unpacked without a word.
  ear.hear();
  if (response.body) {
    for await (const line of readLines(response.body, ear)) {
      const installed = ended(line, onProgress);
      if (installed) return installed;
    }
  }
  throw unreachable(wire.url, "The connection ended before the installation did.");
}
