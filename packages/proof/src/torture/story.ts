/** The story of a session under torture: floods, single letters, questions and tools, in text that is easily cut wrongly. */

const words = "Grüße, 世界 — \u2028 and 👩‍👩‍👧‍👦 ok; ".repeat(6);

const plan = [
  { content: "one", status: "completed" },
  { content: "two \u{1F600}", status: "in_progress" },
];

export const story = {
  name: "torture",
  turns: [
    { steps: [{ plan }, { flood: 3_000 }, { say: '\u0000\u001f\\"\n\r\n\ndata: not a frame\n\nid: 7\n' }] },
    { steps: [{ say: { text: words, chunk: 2, delayMs: 2 } }, { usage: { used: 5, size: 100 } }] },
    { steps: [{ ask: { title: "May I?", allowed: [{ say: "Thank you." }], denied: [{ say: "Pity." }] } }] },
    { steps: [{ tool: { title: "Count", kind: "execute", run: "for i in 1 2 3; do echo line $i; done" } }] },
    { steps: [{ think: { text: words, chunk: 3, delayMs: 3 } }, { flood: 500 }, { say: "Done." }] },
    {
      steps: [{ tool: { title: "Touch", kind: "execute", run: "sleep 0.1", via: "client" } }, { "unknown-update": {} }],
    },
    { steps: [{ say: { text: words, chunk: 1, delayMs: 1 } }, "count"] },
  ],
} as const;
