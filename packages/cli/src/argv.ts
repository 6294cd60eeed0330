/** Tells a prompt from the optional value of a flag: `run --allow "fix it"` allows everything, `run --allow edit "fix it"` allows edits. */

const takers = new Set(["--allow", "--deny", "--ask"]);

/** The kinds of tool calls that the Agent Client Protocol knows; any other is written `--allow=KIND`. */
export const toolKinds: readonly string[] = [
  "read",
  "edit",
  "delete",
  "move",
  "search",
  "execute",
  "think",
  "fetch",
  "switch_mode",
  "other",
];

export const everyKind = "*";

export function separateKinds(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  const settled = flags.flatMap((arg, at): readonly string[] => {
    const before = flags[at - 1] ?? "";
    if (takers.has(before) && toolKinds.includes(arg)) return [];
    if (!takers.has(arg)) return [arg];
    const kind = flags[at + 1] ?? "";
    return [`${arg}=${toolKinds.includes(kind) ? kind : everyKind}`];
  });
  return [...settled, ...args.slice(flags.length)];
}
