/** Keeps what a program says on stderr: its first and last lines in memory, and the whole, up to a bound, in a file. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { StderrTail } from "./process.ts";

export const headLines = 20;
export const tailLines = 50;
export const lineBytes = 4096;
export const fileBytes = 1024 * 1024;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const fullNote = "\n[the rest of stderr is not kept]\n";

/** Where to cut so that no code point is torn: never before one of its continuation bytes. */
export function codePointCut(bytes: Uint8Array, limit: number): number {
  if (bytes.length <= limit) return bytes.length;
  let cut = limit;
  while (cut > 0 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--;
  return cut;
}

/** One line that still grows; of a long one only the beginning is kept, and a little more to know where to cut. */
function createLine() {
  let parts: Buffer[] = [];
  let kept = 0;
  let begun = false;
  let ended: number | undefined;
  return {
    add(bytes: Buffer): void {
      if (bytes.length === 0) return;
      begun = true;
      ended = bytes.at(-1);
      const room = bytes.subarray(0, Math.max(0, lineBytes + 4 - kept));
      // A copy: a small part must not keep the large chunk alive that it was cut from.
      if (room.length > 0) parts.push(Buffer.from(room));
      kept += room.length;
    },
    begun: () => begun,
    read(): { readonly text: string; readonly cut: boolean } {
      const all = Buffer.concat(parts);
      const whole = kept < lineBytes + 4 && ended === carriageReturn ? all.subarray(0, -1) : all;
      const cut = codePointCut(whole, lineBytes);
      return { text: whole.toString("utf8", 0, cut), cut: cut < whole.length };
    },
    clear(): void {
      parts = [];
      kept = 0;
      begun = false;
    },
  };
}

export interface LineRing {
  add(chunk: Buffer): void;
  read(): StderrTail;
}

export function createLineRing(): LineRing {
  const head: string[] = [];
  /** A circle: line number n stands at n modulo the length. */
  const circle: string[] = [];
  const line = createLine();
  let totalLines = 0;
  let anyCut = false;
  const finish = () => {
    const { text, cut } = line.read();
    if (head.length < headLines) head.push(text);
    circle[totalLines % tailLines] = text;
    totalLines++;
    anyCut ||= cut;
    line.clear();
  };
  return {
    add(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, from)) {
        line.add(chunk.subarray(from, at));
        finish();
        from = at + 1;
      }
      line.add(chunk.subarray(from));
    },
    read() {
      const open = line.begun() ? line.read() : undefined;
      const opened = open ? [open.text] : [];
      const oldest = totalLines > tailLines ? totalLines % tailLines : 0;
      const ordered = [...circle.slice(oldest), ...circle.slice(0, oldest), ...opened];
      const lines = totalLines + opened.length;
      return {
        head: [...head, ...opened].slice(0, headLines),
        tail: ordered.slice(-tailLines),
        totalLines: lines,
        truncated: anyCut || open?.cut === true || lines > headLines + tailLines,
      };
    },
  };
}

export interface StderrFile {
  add(chunk: Buffer): void;
  close(): void;
}

/** A file that begins with the first byte, is nobody else's to read, and stops growing at its bound. */
export function createStderrFile(path: string): StderrFile {
  let state: { readonly file: number; room: number } | "unopened" | "done" = "unopened";
  const open = () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = openSync(path, flags, 0o600);
    return { file, room: fileBytes - fullNote.length - fstatSync(file).size };
  };
  const close = () => {
    if (typeof state === "object") closeSync(state.file);
    state = "done";
  };
  const write = (chunk: Buffer) => {
    // The end of a program that said nothing is empty too: it must not cost a file.
    if (state === "done" || chunk.length === 0) return;
    if (state === "unopened") state = open();
    if (state.room > 0) writeSync(state.file, chunk.subarray(0, codePointCut(chunk, state.room)));
    // The note is written by the one who fills the file; who finds it full adds nothing.
    if (state.room > 0 && chunk.length > state.room) writeSync(state.file, fullNote);
    state.room -= chunk.length;
    if (state.room <= 0) close();
  };
  return {
    add(chunk) {
      try {
        write(chunk);
      } catch {
        // A full disk must not stop the program that speaks, nor the daemon that listens: the ring still keeps the end.
        close();
      }
    },
    close,
  };
}
