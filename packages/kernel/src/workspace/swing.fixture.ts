/** A program that makes one name stand for a real directory, a link to it and a link to elsewhere, as fast as it can, until it is ended. */
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const [root = "", elsewhere = ""] = process.argv.slice(2);
const swing = join(root, "swing");

/** The other side makes directories and files meanwhile: what fails in one round succeeds in another. */
function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // The next step meets whatever is there.
  }
}

const clear = (path: string) => attempt(() => rmSync(path, { recursive: true, force: true }));

for (let round = 0; ; round++) {
  const parked = join(root, `parked-${round % 50}`);
  clear(parked);
  attempt(() => mkdirSync(swing, { recursive: true }));
  attempt(() => renameSync(swing, parked));
  attempt(() => symlinkSync(elsewhere, swing));
  // From one link to the other in one step: the name is never free in between.
  const next = join(root, "next");
  clear(next);
  attempt(() => symlinkSync(parked, next));
  attempt(() => renameSync(next, swing));
  attempt(() => symlinkSync(elsewhere, next));
  attempt(() => renameSync(next, swing));
  clear(swing);
  if (round === 0) process.stdout.write("swinging\n");
}
