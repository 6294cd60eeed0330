/** One directory and nothing outside it: text files are read and written here for those who may not do it themselves. */
import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import type { Fault } from "@corral/protocol";
import { type Footing, footingFor, type Held } from "./footing.ts";
import { type LineRange, pickLines } from "./lines.ts";
import {
  asFault,
  directoryGone,
  errorCode,
  fileMissing,
  fileRefused,
  pathEscapes,
  workspaceMissing,
} from "./refusals.ts";
import { maxFileBytes, readTextFile, replaceFile, tooLarge } from "./text-file.ts";
import { type FoundFile, isInside, type Walk, walk } from "./walk.ts";

/** Paths are relative to the root, or absolute and inside it; links are followed as long as they stay inside. */
export interface Workspace extends AsyncDisposable {
  /** The real path, free of links. */
  readonly root: string;
  readText(path: string, range?: LineRange): Promise<string>;
  /** Replaces the file as a whole or makes it, with the directories above it; readers see the old text or the new one. */
  writeText(path: string, text: string): Promise<void>;
  /** The real path of a directory, to start programs in. */
  directory(path: string): Promise<string>;
}

export interface WorkspaceOptions {
  /** How things are held; as safely as the system can unless said otherwise. */
  readonly footing?: Footing;
}

export async function openWorkspace(root: string, { footing }: WorkspaceOptions = {}): Promise<Workspace> {
  if (!isAbsolute(root) || root.includes("\0")) throw workspaceMissing(root, "its path is not absolute");
  const real = await realpath(root).catch((error: unknown) => {
    throw workspaceMissing(root, errorCode(error) === "ENOENT" ? "it does not exist" : "it cannot be reached");
  });
  const workspace = new Folder(real, resolve(root), footing ?? (await footingFor(real)));
  // A walk that goes nowhere finds out whether it is a directory that can be held.
  await workspace.directory(".");
  return workspace;
}

class Folder implements Workspace {
  readonly root: string;
  readonly #alias: string;
  readonly #footing: Footing;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(root: string, alias: string, footing: Footing) {
    this.root = root;
    this.#alias = alias;
    this.#footing = footing;
  }

  readText(path: string, range: LineRange = {}): Promise<string> {
    return this.#run(path, async () => {
      await using found = await this.#walk(path);
      const end = requireFile(path, found);
      if (end.kind === "missing") throw fileMissing(path);
      const text = await readTextFile(path, end.held, this.#footing);
      await this.#requireInside(path, end.held);
      return pickLines(text, range);
    });
  }

  writeText(path: string, text: string): Promise<void> {
    const work = async () => {
      const bytes = Buffer.from(text);
      if (bytes.length > maxFileBytes) throw tooLarge(path);
      await using found = await this.#walk(path, { create: !endsAsDirectory(path) });
      const end = requireFile(path, found);
      if (end.kind === "file") await access(end.held.place, constants.W_OK);
      const mayTakeName = () => this.#requireInside(path, end.parent);
      await mayTakeName();
      const old = end.kind === "file" ? end.held : undefined;
      await replaceFile({ directory: end.parent, name: end.name, old, bytes, mayTakeName });
    };
    return this.#run(path, work, directoryGone);
  }

  directory(path: string): Promise<string> {
    return this.#run(path, async () => {
      await using found = await this.#walk(path);
      if (found.end.kind === "missing") throw fileMissing(path);
      if (found.end.kind === "file") throw fileRefused(path, "it is not a directory");
      // Without the await it would be let go before it is looked at.
      return await this.#requireInside(path, found.end.held);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  async #run<Result>(path: string, work: () => Promise<Result>, whenGone?: (path: string) => Fault): Promise<Result> {
    if (this.#closed) throw fileRefused(path, "its workspace is closed");
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw asFault(path, error, whenGone);
    } finally {
      this.#running.delete(running);
    }
  }

  #walk(path: string, { create = false } = {}): Promise<Walk> {
    return walk({ footing: this.#footing, root: this.root, alias: this.#alias, create }, path);
  }

  /** The last look before a thing is used: what was moved out meanwhile is refused. */
  async #requireInside(path: string, held: Held): Promise<string> {
    const where = await this.#footing.where(held);
    if (!isInside(this.root, where)) throw pathEscapes(path);
    return where;
  }
}

const endsAsDirectory = (path: string): boolean => /\/\.?$/.test(path);

function requireFile(path: string, { end }: Walk): FoundFile {
  if (end.kind === "directory" || endsAsDirectory(path)) throw fileRefused(path, "it names a directory");
  return end;
}
