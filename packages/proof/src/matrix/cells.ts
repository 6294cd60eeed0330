/** The kill matrix as a value: what dies, when and how, and which combinations make no sense. */

export const victims = ["server", "harness", "tool", "terminal", "child", "orphan", "client"] as const;
export type Victim = (typeof victims)[number];

export const moments = [
  "before start",
  "after accept",
  "mid-chunk",
  "during a tool",
  "while asked",
  "before the end is kept",
  "idle between turns",
  "during restore",
] as const;
export type Moment = (typeof moments)[number];

export const means = ["kill -9", "SIGSTOP", "exit", "closed pipe", "full disk", "clock forward", "clock back"] as const;
export type Mean = (typeof means)[number];

export interface Cell {
  readonly dies: Victim;
  readonly when: Moment;
  readonly how: Mean;
}

/** What each of them is, in the words of a reader. */
export const victimTitles: Readonly<Record<Victim, string>> = {
  server: "the daemon",
  harness: "the harness (the agent's program)",
  tool: "the shell of a tool, which the harness started",
  terminal: "a command that the daemon runs for the harness",
  child: "a background child of the harness",
  orphan: "a double-forked grandchild that belongs to nobody",
  client: "a client (`corral run`, `corral sessions tail -f`)",
};

export const momentTitles: Readonly<Record<Moment, string>> = {
  "before start": "the prompt is accepted, its harness is being started",
  "after accept": "the harness has the prompt and has said nothing yet",
  "mid-chunk": "in the middle of an answer",
  "during a tool": "while a tool runs",
  "while asked": "while a person is asked",
  "before the end is kept": "the harness has answered, the turn's end is not on the disk yet",
  "idle between turns": "between two turns",
  "during restore": "while the session is brought back after an earlier death",
};

export const meanTitles: Readonly<Record<Mean, string>> = {
  "kill -9": "killed",
  SIGSTOP: "frozen",
  exit: "leaves by itself or when told to",
  "closed pipe": "its pipes are closed, it lives on",
  "full disk": "the disk of the state directory is full",
  "clock forward": "the wall clock jumps a day ahead",
  "clock back": "the wall clock jumps a day back",
};

interface Senseless {
  readonly dies: readonly Victim[];
  readonly when?: readonly Moment[];
  readonly how?: readonly Mean[];
  readonly why: string;
}

const grandchildren: readonly Victim[] = ["tool", "terminal", "child", "orphan"];

/** Combinations that cannot happen, or that promise nothing; each with its reason. */
export const senseless: readonly Senseless[] = [
  {
    dies: ["harness", ...grandchildren, "client"],
    how: ["full disk", "clock forward", "clock back"],
    why: "only the daemon keeps anything, and only its clock stamps anything",
  },
  {
    dies: ["tool", "terminal"],
    when: moments.filter((moment) => moment !== "during a tool"),
    why: "it exists only while a tool runs",
  },
  { dies: ["child", "orphan"], when: ["before start"], why: "the harness has started nothing yet" },
  {
    dies: ["child", "orphan"],
    when: ["during restore"],
    why: "what a harness started was swept when the harness ended",
  },
  { dies: ["child", "orphan"], how: ["closed pipe"], why: "it has no pipe to close" },
  {
    dies: ["harness"],
    when: ["before start", "during restore"],
    how: ["closed pipe"],
    why: "a program that is only just starting has no story yet that could tell it to",
  },
];

const fits = <Value>(list: readonly Value[] | undefined, value: Value): boolean => list?.includes(value) ?? true;

/** Why a combination is left out; absent for the ones that are played. */
export const reasonAgainst = ({ dies, when, how }: Cell): string | undefined =>
  senseless.find((line) => fits(line.dies, dies) && fits(line.when, when) && fits(line.how, how))?.why;

export const cells: readonly Cell[] = victims.flatMap((dies) =>
  moments.flatMap((when) =>
    means.map((how): Cell => ({ dies, when, how })).filter((cell) => reasonAgainst(cell) === undefined),
  ),
);

export const nameOf = ({ dies, when, how }: Cell): string => `${dies} · ${when} · ${how}`;

/** What a cell can be chosen by: its name, and the class that its victim belongs to. */
export const wordsOf = (cell: Cell): string =>
  `${nameOf(cell)} ${grandchildren.includes(cell.dies) ? "adapter child grandchild" : ""}`.toLowerCase();

/** A subset that shows every victim at each of its moments and by each of its means: a diagonal, and what it left out. */
export function coreOf(all: readonly Cell[]): readonly Cell[] {
  const chosen = new Set<Cell>();
  const fewest = <Key extends keyof Cell>(dies: Victim, part: Key, value: Cell[Key]): void => {
    const mine = all.filter((cell) => cell.dies === dies && cell[part] === value);
    if (mine.length === 0 || mine.some((cell) => chosen.has(cell))) return;
    const used = (cell: Cell) => [...chosen].filter((one) => one.dies === dies && one.how === cell.how).length;
    const [least] = mine.toSorted((a, b) => used(a) - used(b));
    if (least) chosen.add(least);
  };
  for (const dies of victims) {
    for (const when of moments) fewest(dies, "when", when);
    for (const how of means) fewest(dies, "how", how);
  }
  return all.filter((cell) => chosen.has(cell));
}
