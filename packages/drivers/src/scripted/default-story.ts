/** The story that a newcomer meets: a plan, a thought, two tools, one question, and an answer. */
import { defaultCapabilities, defaultChoices, plainTool, type Step, type Story } from "./story-shape.ts";

const say = (text: string): Step => ({ do: "say", with: { text, chunk: 6, delayMs: 30 } });
const rest = (ms: number): Step => ({ do: "sleep", with: { ms } });

const goals = ["Look around in the workspace", "Leave a greeting in corral-hello.md", "Answer the prompt"];
const plan = (done: number): Step => ({
  do: "plan",
  with: goals.map((content, index) => ({
    content,
    status: index < done ? "completed" : index === done ? "in_progress" : "pending",
    priority: index === 2 ? "high" : "medium",
  })),
});

const greeting = `# Hello from Corral

A scripted harness wrote this file after you allowed it to. The prompt was:

> {{prompt}}

Delete it whenever you like.
`;

const firstTurn: readonly Step[] = [
  plan(0),
  {
    do: "think",
    with: { text: "A first prompt. I will look around before I touch anything.", chunk: 12, delayMs: 30 },
  },
  rest(150),
  {
    do: "tool",
    with: {
      ...plainTool,
      title: "List the workspace",
      kind: "read",
      locations: [{ path: "." }],
      run: "ls -A | head -n 20",
    },
  },
  plan(1),
  rest(150),
  {
    do: "tool",
    with: {
      ...plainTool,
      title: "Write corral-hello.md",
      kind: "edit",
      locations: [{ path: "corral-hello.md" }],
      diff: { path: "corral-hello.md", text: greeting },
      write: true,
      ask: defaultChoices,
      allowed: [say("I wrote a greeting into corral-hello.md. ")],
      denied: [say("No problem, I have left your files as they are. ")],
      cancelled: [say("Nobody answered, so I have left your files as they are. ")],
    },
  },
  plan(2),
  {
    do: "usage",
    with: { used: 1_280, size: 200_000, cost: { amount: 0, currency: "USD" }, input: 1_024, output: 256 },
  },
  say(
    "You said: {{prompt}}\n\nI only play a script, so this is all I can do; a real agent will do more. Say something else!",
  ),
  plan(3),
];

const laterTurn: readonly Step[] = [
  { do: "quote", with: { chunk: 6, delayMs: 30 } },
  say("\nThis session holds "),
  { do: "count", with: { delayMs: 0 } },
  say(" from you."),
  {
    do: "usage",
    with: { used: 1_536, size: 200_000, cost: { amount: 0, currency: "USD" }, input: 1_280, output: 64, cached: 1_024 },
  },
];

export const defaultStory: Story = {
  name: "A first meeting",
  capabilities: defaultCapabilities,
  models: [
    { id: "script", name: "Script", description: "Plays its story word for word" },
    { id: "script-large", name: "Script Large", description: "Plays the same story with more pride" },
  ],
  modes: [
    { id: "ask", name: "Ask", description: "Asks before it writes a file" },
    { id: "plan", name: "Plan", description: "The story is the same in every mode" },
  ],
  commands: [{ name: "help", description: "Say what the scripted harness is for" }],
  turns: [{ steps: firstTurn }, { steps: laterTurn }],
};
