/** Reading a text file that is held, and replacing one as a whole. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Footing, Held } from "./footing.ts";
import { errorCode, fileRefused } from "./refusals.ts";

export const maxFileBytes = 16 * 1024 * 1024;

export const tooLarge = (path: string) => fileRefused(path, `it is larger than ${maxFileBytes} bytes`);

/** `path` is what it is called in refusals. */
export async function readTextFile(path: string, held: Held, { readFlags }: Footing): Promise<string> {
  await using file = await open(held.place, readFlags);
  const stats = await file.stat();
  const same = stats.dev === held.stats.dev && stats.ino === held.stats.ino;
  if (!stats.isFile() || !same) throw fileRefused(path, "it was replaced meanwhile");
  if (stats.size > maxFileBytes) throw tooLarge(path);
  return decode(path, await readBounded(path, file));
}

/** The size was looked at, but the file may grow while it is read. */
async function readBounded(path: string, file: FileHandle): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let totalBytes = 0;
  for await (const chunk of file.createReadStream({ end: maxFileBytes, highWaterMark: 1 << 20, autoClose: false })) {
    totalBytes += chunk.length;
    chunks.push(chunk);
  }
  if (totalBytes > maxFileBytes) throw tooLarge(path);
  return Buffer.concat(chunks);
}

/** Other encodings are refused: written back as UTF-8 they would be silently damaged. */
function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fileRefused(path, "it is not UTF-8 text", cause);
  }
}

export interface Replacement {
  readonly directory: Held;
  readonly name: string;
  /** What is there now; its mode and owner are kept. */
  readonly old: Held | undefined;
  readonly bytes: Uint8Array;
  /** Asked when the new text is complete, before it takes the name. */
  readonly mayTakeName: () => Promise<unknown>;
}

/** Whoever reads meanwhile sees the old file or the new one. */
export async function replaceFile({ directory, name, old, bytes, mayTakeName }: Replacement): Promise<void> {
  const draft = await openDraft(directory, old === undefined ? 0o666 : 0o600);
  try {
    await fill(draft.file, bytes, old);
    await mayTakeName();
    await rename(draft.path, join(directory.place, name));
  } catch (error) {
    await discard(draft.path);
    throw error;
  }
}

async function fill(draft: FileHandle, bytes: Uint8Array, old: Held | undefined): Promise<void> {
  await using file = draft;
  await file.writeFile(bytes);
  if (old === undefined) return;
  await keepOwner(file, old);
  await file.chmod(old.stats.mode & 0o777);
}

async function keepOwner(file: FileHandle, { stats: { uid, gid } }: Held): Promise<void> {
  const ours = await file.stat();
  if (ours.uid === uid && ours.gid === gid) return;
  try {
    await file.chown(uid, gid);
  } catch (error) {
    // Only root may give files away; for anybody else the file becomes their own, as with every editor.
    if (errorCode(error) !== "EPERM") throw error;
  }
}

let drafts = 0;

/** A file beside, under a name that nobody has; one that is left of a killed program is passed over. */
async function openDraft(directory: Held, mode: number): Promise<{ readonly path: string; readonly file: FileHandle }> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  for (;;) {
    const path = join(directory.place, `.corral-${process.pid}-${drafts++}`);
    try {
      return { path, file: await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode) };
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
}

async function discard(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // Its directory went away, or the disk fails: the reason for which it is discarded says more.
  }
}
