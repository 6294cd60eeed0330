/** Reads the answers to whatever was sent, and says what is wrong with them. */
import { connect } from "node:net";
import type { Clock } from "@corral/kernel";
import { type FaultCode, faults, problemMediaType } from "@corral/protocol";
import type { Sent } from "./request.ts";

interface Head {
  readonly status: number;
  readonly type: string;
  readonly bytes: number;
  readonly length: number | undefined;
  readonly chunked: boolean;
}

function readHead(heard: string): Head | undefined {
  const end = heard.indexOf("\r\n\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(heard)?.[1];
  if (end < 0 || status === undefined) return undefined;
  const head = heard.slice(0, end);
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return {
    status: Number(status),
    type: /^content-type: ([^\r\n;]*)/im.exec(head)?.[1] ?? "",
    bytes: end + 4,
    length: length === undefined ? undefined : Number(length),
    chunked: /^transfer-encoding: chunked/im.test(head),
  };
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const isStream = (type: string): boolean => type === "text/event-stream" || type === "application/x-ndjson";

/** The answers in what was heard so far, and whether the last of them is a stream, which has no end to wait for. */
export function repliesIn(
  heard: string,
  isHead: boolean,
): { readonly replies: readonly Reply[]; readonly streams: boolean } {
  const replies: Reply[] = [];
  for (let rest = heard; ; ) {
    const head = readHead(rest);
    if (!head) return { replies, streams: false };
    const { status, type, chunked, length } = head;
    if (isStream(type)) return { replies: [...replies, { status, type, body: "" }], streams: true };
    const body = rest.slice(head.bytes);
    const bodyless = isHead || status === 204 || status === 304 || status < 200;
    const end = chunked ? body.indexOf("0\r\n\r\n") + 5 : (length ?? 0);
    if (!bodyless && (chunked ? end === 4 : body.length < end)) return { replies, streams: false };
    if (status >= 200) replies.push({ status, type, body: bodyless ? "" : body.slice(0, end) });
    rest = bodyless ? body : body.slice(end);
  }
}

export interface Heard {
  readonly replies: readonly Reply[];
  readonly rest: string;
  /** The daemon closed the connection, or answered everything. */
  readonly settled: boolean;
  readonly tookMs: number;
}

const answerBoundMs = 20_000;
const patienceMs = 1_000;

export function send(port: number, { bytes, ends, answers }: Sent, clock: Clock): Promise<Heard> {
  const startedMs = clock.monotonicMs();
  const isHead = bytes.subarray(0, 5).toString("latin1") === "HEAD ";
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1");
    const finish = (settled: boolean) => {
      takeBack();
      takeEndBack();
      socket.destroy();
      resolve({
        replies: repliesIn(heard, isHead).replies,
        rest: heard,
        settled,
        tookMs: clock.monotonicMs() - startedMs,
      });
    };
    const takeBack = clock.after(answerBoundMs, () => finish(false));
    // What is not whole is waited for, and rightly; so the client says at last that this was all.
    const takeEndBack = clock.after(patienceMs, () => socket.end());
    socket.setEncoding("latin1").on("data", (text) => {
      heard += String(text);
      const { replies, streams } = repliesIn(heard, isHead);
      if (streams || replies.length >= answers) finish(true);
    });
    socket.on("error", () => undefined); // What a connection that is refused or reset leads to is its close.
    socket.on("close", () => finish(true));
    socket.on("connect", () => {
      socket.write(bytes);
      if (ends) socket.end();
    });
  });
}

/** Answers of Node's own HTTP server to what never reaches the daemon. */
const outsideStatuses: readonly number[] = [417, 501, 505];

function wrongReply({ status, type, body }: Reply): string | undefined {
  if (status === 500) return `it was answered with 500: ${body.slice(0, 300)}`;
  if (/node:internal|file:\/\/|\.ts:\d+/.test(body) && status >= 400)
    return `the answer shows our insides: ${body.slice(0, 300)}`;
  if (status < 400 || outsideStatuses.includes(status) || body === "") return undefined;
  if (type !== problemMediaType) return `${status} was said as ${type || "nothing"}: ${body.slice(0, 200)}`;
  const code = (/"code":"([^"]*)"/.exec(body)?.[1] ?? "") as FaultCode;
  const fault = Object.hasOwn(faults, code) ? faults[code] : undefined;
  if (fault?.status !== status) return `${status} came with the code "${code}"`;
  return undefined;
}

export function wrongIn({ replies, rest, settled, tookMs }: Heard): readonly string[] {
  const wrong = replies.map(wrongReply).filter((one) => one !== undefined);
  const hung = !settled ? [`after ${Math.round(tookMs)} ms it was neither answered nor ended`] : [];
  const stray = rest !== "" && !rest.startsWith("HTTP/1.1 ") ? [`what came is no answer: ${rest.slice(0, 100)}`] : [];
  return [...wrong, ...hung, ...stray];
}
