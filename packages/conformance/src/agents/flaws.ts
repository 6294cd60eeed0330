/** What the reference agent can be told to do wrong: one flaw for each thing that the cases are there to find. */
export const flaws = {
  "tells-at-the-end": "tells an answer in one piece when it is whole",
  "thinks-aloud": "tells its thoughts as text",
  "runs-nothing": "tells of a tool that it has used, and has not",
  "holds-back": "keeps the end of a long answer until it is asked again",
  "forgets-on-resume": "offers to resume a conversation and remembers nothing",
  "keeps-late": "keeps what was said when it has answered, and not before",
  "follows-its-origin": "lets a fork hear what is said on the road that it left",
  "hangs-after-cancel": "does not answer a prompt that is cancelled while text comes",
  "tool-survives-cancel": "lets the shell of a cancelled tool run on",
  "leaves-child": "starts a program of its own and does not end it",
  "ends-twice": "answers a prompt twice",
  "speaks-late": "goes on thinking aloud when it has answered the prompt",
  "forgets-on-load": "offers to load a conversation and loads nothing",
  "drops-images": "offers to take pictures and drops them",
  "error-prose": "tells an error of the model as an answer",
  "repeats-on-retry": "tells again what it had said when the model breaks off",
  "counts-twice": "counts the tokens of the model twice",
  "asks-without-waiting": "asks whether it may use a tool and uses it at once",
  "noisy-stdout": "prints a banner where only frames may be",
  "ignores-model": "takes the choice of another model and asks the first one",
  "ignores-mode": "takes the choice of another mode and does nothing with it",
  "forgets-mcp": "does not start the MCP servers of a session",
} as const;

export type Flaw = keyof typeof flaws;

export const isFlaw = (text: string): text is Flaw => Object.hasOwn(flaws, text);
