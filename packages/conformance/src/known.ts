/** How the harnesses that have a driver are spoken to by the cases. */
import type { Ways } from "./case.ts";

const known: Readonly<Record<string, Ways>> = {
  opencode: {
    dialect: "chat",
    alsoSpeaks: ["responses", "messages", "gemini"],
    mode: {
      to: "plan",
      shows: (before, after) => !before.userText?.includes("Plan") && (after.userText?.includes("Plan") ?? false),
    },
  },
  codex: {
    dialect: "responses",
    mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
  },
  claude: {
    dialect: "messages",
    mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
  },
  gemini: {
    dialect: "gemini",
    models: ["gemini-2.5-pro", "gemini-3.8-flash"],
    mode: { to: "plan", shows: (before, after) => before.systemSha256 !== after.systemSha256 },
  },
  pi: { dialect: "chat", alsoSpeaks: ["responses", "messages", "gemini"] },
  // It has no model, and says what its story says.
  scripted: { dialect: "chat", optionsAt: () => ({}), found: { claims: [], asksModel: false, understands: false } },
};

/** One that has no line here speaks as most do. */
export const waysOf = (id: string): Ways => known[id] ?? { dialect: "chat" };
