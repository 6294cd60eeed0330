/** The stories that bring a session to its moment for certain: what has to wait waits at a gate that the proof opens. */
import { join } from "node:path";
import type { Cell, Moment } from "../matrix/cells.ts";

type Steps = readonly unknown[];

/** Files of the workspace by which a story and the proof speak to each other. */
export const signs = {
  /** Opens every gate. */
  go: "go",
  /** The pids of those that can be killed. */
  child: "child.pid",
  orphan: "grandchild.pid",
  tool: "tool.pid",
  /** Written by the last step of a story. */
  last: "last.pid",
} as const;

const writesPid = (file: string): string => `echo $$ > .${file}; mv .${file} ${file}`;

/** Deaf to polite ends, as things are that get left behind. */
const child = { child: `trap '' TERM HUP; ${writesPid(signs.child)}; exec sleep 600` };

/** Everything that must not outlive its harness is there from the first step on, in every cell. */
const prelude = (onSignal: Steps): Steps => [
  { "on-signal": { signal: "SIGUSR2", steps: onSignal } },
  { "double-fork": { seconds: 600 } },
  child,
];

const toolCommand = [
  "trap 'exit 3' USR1",
  "trap 'exec >&- 2>&-' USR2",
  writesPid(signs.tool),
  `until [ -e ${signs.go} ]; do sleep 0.05; done`,
].join("; ");

const words = "One word after the other, and every one of them is kept. ".repeat(2);

const scenes: Readonly<Record<Moment, (cell: Cell) => Steps>> = {
  "before start": () => [{ say: "Here I am." }],
  "after accept": () => [{ gate: signs.go }, { say: "At last." }],
  "mid-chunk": () => [{ say: { text: words, chunk: 4, delayMs: 10 } }, { gate: signs.go }, { say: "That was all." }],
  "during a tool": ({ dies }) => [
    {
      tool: {
        title: "Wait",
        kind: "execute",
        run: toolCommand,
        via: dies === "terminal" ? "client" : "content",
      },
    },
    { say: "The tool is done." },
  ],
  "while asked": () => [{ ask: { title: "May I?", allowed: [{ say: "Thank you." }], denied: [{ say: "Pity." }] } }],
  "before the end is kept": () => [
    { say: "Ready." },
    { gate: signs.go },
    { say: "The last word." },
    { child: writesPid(signs.last) },
  ],
  "idle between turns": () => [{ say: "Until later." }],
  "during restore": ({ dies }) =>
    dies === "server"
      ? scenes["during a tool"]({ dies, when: "during restore", how: "exit" })
      : [{ say: "Until later." }],
};

/** Whoever plays this tries to get out of the workspace by every way it knows. */
function breakOut(outside: string): Steps {
  const write = (path: string) => ({ call: { method: "fs/write_text_file", params: { path, content: "out" } } });
  return [
    write(join(outside, "canary.txt")),
    write(`{{cwd}}/../${outside.split("/").at(-1)}/canary.txt`),
    write("{{cwd}}/link/canary.txt"),
  ];
}

export function storyOf(cell: Cell, outside: string): { readonly name: string; readonly turns: readonly unknown[] } {
  const onSignal = cell.how === "closed pipe" ? ["hang-up"] : [{ exit: 3 }];
  const steps = [...prelude(onSignal), ...scenes[cell.when](cell)];
  const after = [...breakOut(outside), "count", { say: "." }];
  return { name: "a cell", turns: [{ steps }, { steps: after }] };
}
