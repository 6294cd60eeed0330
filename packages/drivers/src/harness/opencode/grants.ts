/** What a person has allowed for always in one session; OpenCode itself would remember it for everybody in the same directory. */
import type { Frame } from "@corral/kernel";
import { text, texts } from "../reading.ts";

interface Grant {
  readonly permission: string;
  readonly fits: RegExp;
}

/** OpenCode's own signs: any words, one letter, and a command that may also stand without anything behind it. */
function fitting(pattern: string): RegExp {
  const signs = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${signs.replace(/ \.\*$/, "( .*)?")}$`, "s");
}

export class Grants {
  #grants: readonly Grant[] = [];

  /** What was asked is allowed from now on, in the width that OpenCode has proposed for it. */
  add(asked: Frame): void {
    const granted = texts(asked.always).map((pattern) => ({
      permission: text(asked.permission),
      fits: fitting(pattern),
    }));
    this.#grants = [...this.#grants, ...granted];
  }

  /** Whether everything that is asked was allowed before; a command may consist of several. */
  cover(asked: Frame): boolean {
    const patterns = texts(asked.patterns);
    const allowed = (pattern: string): boolean =>
      this.#grants.some(({ permission, fits }) => permission === asked.permission && fits.test(pattern));
    return patterns.length > 0 && patterns.every(allowed);
  }
}
