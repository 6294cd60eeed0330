/** Finds what a path names, name by name from the root, so that neither `..` nor a link nor a race leads out. */
import { mkdir, readlink, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { Footing, Held } from "./footing.ts";
import { errorCode, fileMissing, fileRefused, pathEscapes, workspaceMissing } from "./refusals.ts";

/** What Linux itself follows and takes; a walk that is longer is made to tire us. */
const maxLinks = 40;
const maxPathBytes = 4096;
const maxSteps = 5000;

export interface WalkNeed {
  readonly footing: Footing;
  /** The real path of the workspace. */
  readonly root: string;
  /** The path under which it was opened; absolute paths may start with either. */
  readonly alias: string;
  /** Whether directories that are missing on the way are made. */
  readonly create: boolean;
}

/** A file, or the place where one could be made. */
export type FoundFile =
  | { readonly kind: "file"; readonly parent: Held; readonly name: string; readonly held: Held }
  | { readonly kind: "missing"; readonly parent: Held; readonly name: string };

export type WalkEnd = FoundFile | { readonly kind: "directory"; readonly held: Held };

export interface Walk extends AsyncDisposable {
  /** What it ends with is held until the walk is disposed of. */
  readonly end: WalkEnd;
}

export async function walk(need: WalkNeed, path: string): Promise<Walk> {
  if (path.includes("\0")) throw fileRefused(path.replaceAll("\0", "\\0"), "it contains a NUL");
  if (Buffer.byteLength(path) > maxPathBytes) throw fileRefused(`${path.slice(0, 80)}…`, "it is too long");
  const root = await holdRoot(need);
  const walker = new Walker(need, root, path);
  try {
    const end = await walker.run();
    return { end, [Symbol.asyncDispose]: () => walker.letGo() };
  } catch (error) {
    await walker.letGo();
    throw error;
  }
}

async function holdRoot({ footing, root }: WalkNeed): Promise<Held> {
  const held = await footing.hold(root).catch((error: unknown) => {
    throw workspaceMissing(root, errorCode(error) === "ENOENT" ? "it is gone" : "it cannot be opened");
  });
  if (held.stats.isDirectory() && (await footing.where(held)) === root) return held;
  await held[Symbol.asyncDispose]();
  throw workspaceMissing(root, "something else is in its place");
}

const namesIn = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

/** Whether a path is another or below it; both are absolute and plain. */
export const isInside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root === "/" ? "/" : `${root}/`);

class Walker {
  readonly #need: WalkNeed;
  readonly #asked: string;
  readonly #root: Held;
  /** The directory that was reached, and the names, free of links, that lead to it from the root. */
  #here: Held;
  #names: string[] = [];
  #file: Held | undefined;
  #rest: string[];
  /** Set while the path is beyond the root: it may come back in, and nothing is opened until it does. */
  #outside: string | undefined;
  #links = 0;

  constructor(need: WalkNeed, root: Held, path: string) {
    this.#need = need;
    this.#asked = path;
    this.#root = root;
    this.#here = root;
    this.#rest = namesIn(path);
    if (isAbsolute(path)) this.#outside = need.root === "/" ? undefined : "/";
  }

  async run(): Promise<WalkEnd> {
    for (let steps = 0; steps < maxSteps; steps++) {
      const name = this.#rest.shift();
      if (this.#outside !== undefined) await this.#approach(this.#outside, name);
      else if (name === undefined) return { kind: "directory", held: this.#here };
      else if (name === "..") await this.#up();
      else {
        const end = await this.#enter(name);
        if (end) return end;
      }
    }
    throw fileRefused(this.#asked, "it takes too many steps");
  }

  async letGo(): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]();
    await this.#moveTo(this.#root);
    await this.#root[Symbol.asyncDispose]();
  }

  async #moveTo(next: Held): Promise<void> {
    const last = this.#here;
    this.#here = next;
    if (last !== this.#root && last !== next) await last[Symbol.asyncDispose]();
  }

  /** One name further outside; only arriving at the root ends that. */
  async #approach(outside: string, name: string | undefined): Promise<void> {
    if (name === undefined) throw pathEscapes(this.#asked);
    const next = join(outside, name);
    this.#outside = (await this.#isRoot(next)) ? undefined : next;
  }

  /** The root is known by its names; failing that by what it is, for it may have more names than we know. */
  async #isRoot(path: string): Promise<boolean> {
    const { root, alias } = this.#need;
    if (path === root || path === alias) return true;
    if (isInside(path, root) || isInside(path, alias)) return false;
    try {
      const { dev, ino } = await stat(path);
      return dev === this.#root.stats.dev && ino === this.#root.stats.ino;
    } catch {
      // What is not there, or not ours to see, is not the root.
      return false;
    }
  }

  async #leaveFor(outside: string): Promise<void> {
    await this.#moveTo(this.#root);
    this.#names = [];
    this.#outside = outside === this.#need.root ? undefined : outside;
  }

  /** Goes back to the root and down again: the directory above the one we hold may be another by now. */
  async #up(): Promise<void> {
    if (this.#names.length === 0) return this.#leaveFor(dirname(this.#need.root));
    this.#rest.unshift(...this.#names.slice(0, -1));
    this.#names = [];
    await this.#moveTo(this.#root);
  }

  async #enter(name: string): Promise<WalkEnd | undefined> {
    const held = await this.#hold(name);
    if (held === undefined) return this.#lack(name);
    if (held.stats.isDirectory()) {
      this.#names.push(name);
      await this.#moveTo(held);
      return undefined;
    }
    this.#file = held;
    if (held.stats.isSymbolicLink()) return this.#follow(name, held);
    if (!held.stats.isFile()) throw fileRefused(this.#asked, "it is neither a file nor a directory");
    if (this.#rest.length > 0) throw fileRefused(this.#asked, `${name} is a file`);
    return { kind: "file", parent: this.#here, name, held };
  }

  async #hold(name: string): Promise<Held | undefined> {
    try {
      return await this.#need.footing.hold(join(this.#here.place, name));
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #follow(name: string, link: Held): Promise<undefined> {
    if (++this.#links > maxLinks) throw fileRefused(this.#asked, "its links change or go round in circles");
    this.#file = undefined;
    await link[Symbol.asyncDispose]();
    const target = await this.#readLink(name);
    this.#rest.unshift(...namesIn(target ?? name));
    if (target !== undefined && isAbsolute(target)) await this.#leaveFor("/");
  }

  async #readLink(name: string): Promise<string | undefined> {
    try {
      return await readlink(join(this.#here.place, name));
    } catch (error) {
      // It was a link a moment ago; the walk looks again at what it is now.
      if (errorCode(error) === "EINVAL" || errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #lack(name: string): Promise<WalkEnd | undefined> {
    if (this.#rest.length === 0) return { kind: "missing", parent: this.#here, name };
    if (!this.#need.create) throw fileMissing(this.#asked);
    try {
      await mkdir(join(this.#here.place, name));
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      // Somebody made one at the same time; the walk looks at what it is.
    }
    this.#rest.unshift(name);
    return undefined;
  }
}
