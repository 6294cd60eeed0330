/** How the scripted agent is brought to do what the law of harnesses is about: its story says so, whatever it is asked. */
import type { Trick, Tricks } from "@corral/kernel/conformance/harness";

const stories: { readonly [Name in Trick]: readonly (readonly unknown[])[] } = {
  say: [["quote"]],
  ask: [[{ ask: "May I?" }]],
  hang: [[{ say: "waiting" }, { hang: true }], ["quote"]],
  crash: [["crash"]],
  history: [["quote"], ["history"]],
};

export const scriptedTricks: Tricks = {
  options: (trick) => ({ story: { turns: stories[trick].map((steps) => ({ steps })) } }),
  say: "a word to remember",
  ask: "ask",
  hang: "hang",
  crash: "crash",
  history: "history",
};
