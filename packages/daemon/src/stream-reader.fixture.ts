/** Reads a followed stream as a strict client would: every byte has to belong to a line that the protocol knows. */
import type { FollowForm } from "./encode.ts";

export interface Told {
  readonly type: string;
  /** Absent on what is no event. */
  readonly cursor?: number;
  readonly text: string;
}

export interface StreamReader {
  /** The next event or line; undefined when the stream has ended. */
  next(): Promise<Told | undefined>;
  take(count: number): Promise<readonly Told[]>;
  rest(): Promise<readonly Told[]>;
  /** How many heartbeats came so far. */
  readonly beats: number;
  /** What came before the first event. */
  readonly opening: string;
  cancel(): Promise<void>;
}

interface Parsed {
  readonly told?: Told;
  readonly beat?: true;
  readonly opening?: string;
}

function parseSse(block: string): Parsed {
  if (block === ": beat") return { beat: true };
  if (block.startsWith("retry: ")) return { opening: block };
  const match = /^(?:id: (?<id>\d+)\n)?event: (?<type>[a-z_.]+)\ndata: (?<text>\{.*\})$/.exec(block);
  if (!match?.groups) throw new Error(`not an event: ${JSON.stringify(block.slice(0, 300))}`);
  const { id, type = "", text = "" } = match.groups;
  return { told: { type, text, ...(id === undefined ? {} : { cursor: Number(id) }) } };
}

function parseLine(line: string): Parsed {
  if (line === "") return { beat: true };
  const { type, cursor } = JSON.parse(line) as { type: string; cursor?: number };
  return { told: { type, text: line, ...(cursor === undefined ? {} : { cursor }) } };
}

export function readStream(response: Response, form: FollowForm): StreamReader {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const [separator, parse] = form === "sse" ? ["\n\n", parseSse] : ["\n", parseLine];
  let [pending, beats, opening] = ["", 0, ""];
  const next = async (): Promise<Told | undefined> => {
    for (;;) {
      for (let at = pending.indexOf(separator); at !== -1; at = pending.indexOf(separator)) {
        const parsed = parse(pending.slice(0, at));
        pending = pending.slice(at + separator.length);
        if (parsed.told) return parsed.told;
        if (parsed.beat) beats++;
        opening += parsed.opening ?? "";
      }
      const { value, done } = await reader.read();
      if (done && pending !== "") throw new Error(`the stream ends in ${JSON.stringify(pending.slice(0, 300))}`);
      if (done) return undefined;
      pending += value;
    }
  };
  const take = async (count: number) => {
    const told: Told[] = [];
    for (let one = count > 0 ? await next() : undefined; one; one = told.length < count ? await next() : undefined)
      told.push(one);
    return told;
  };
  return {
    next,
    take,
    rest: () => take(Number.POSITIVE_INFINITY),
    get beats() {
      return beats;
    },
    get opening() {
      return opening;
    },
    cancel: () => reader.cancel(),
  };
}
