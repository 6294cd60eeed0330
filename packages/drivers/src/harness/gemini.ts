/** Gemini CLI: its own agent over ACP, with its settings in a home of the session's own, and its memory never asked. */
import { join } from "node:path";
import { acpHarness, type LaunchNeed } from "@corral/kernel";
import { z } from "zod";
import { plainThoughts } from "./corrections/plain-thoughts.ts";
import { gatewayOf, gatewayOptions } from "./gateway.ts";
import { linkLogin } from "./host-login.ts";
import { geminiLogins } from "./logins.ts";
import { ownHome } from "./own-home.ts";
import { usualCapabilities } from "./usual.ts";

const key = "GEMINI_API_KEY";

/** Without a fixed model it asks a model which model to ask. */
const usualModel = "gemini-2.5-pro";

/** Gemini CLI has one dialect, and a list of models of its own. */
const options = gatewayOptions.extend({
  dialect: z.literal("gemini").optional().describe("What that server speaks: Gemini CLI knows Gemini only."),
});

type Given = Pick<LaunchNeed, "options">;

const usesHostLogin = ({ options: given }: Given): boolean => gatewayOf(given).login === "host";

const settings = (need: Given): object => ({
  security: {
    auth: { selectedType: usesHostLogin(need) ? "oauth-personal" : "gemini-api-key" },
    folderTrust: { enabled: false },
  },
  // It would try ten times, with pauses of half a minute.
  general: { disableAutoUpdate: true, disableUpdateNag: true, maxAttempts: 3 },
  // What runs in a terminal of its own is told as a picture of the terminal, which its ACP leaves out.
  tools: { shell: { enableInteractiveShell: false } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  model: { name: gatewayOf(need.options).model ?? usualModel },
});

const ownFiles = (home: string): string => join(home, ".gemini");
const loginFiles = ["oauth_creds.json", "google_accounts.json"] as const;

export const gemini = acpHarness({
  id: "gemini",
  title: "Gemini CLI",
  install: {
    packages: { "@google/gemini-cli": "0.61.0" },
    bins: { gemini: "@google/gemini-cli/bundle/gemini.js" },
    licence: "open",
  },
  secrets: [key],
  logins: geminiLogins,
  options,
  cannot: {
    close: "it goes on when its input ends: Corral ends it, and what it had started",
    retried: "it does not ask the model again when an answer breaks off: the turn fails at once",
  },
  // Its `session/load` loses the history of the very minute, and with it the file: what was said is told again instead.
  restores: [],
  capabilities: { ...usualCapabilities, questions: false },
  corrections: plainThoughts,
  launch: async (need) => {
    const { baseUrl, registry, login } = gatewayOf(need.options);
    const home = await ownHome(need.stateDir, { registry });
    for (const name of loginFiles) {
      await linkLogin({ ...need, login }, { from: join(".gemini", name), to: join(ownFiles(home.home), name) });
    }
    await need.writePrivate(join(ownFiles(home.home), "settings.json"), JSON.stringify(settings(need)));
    return {
      command: need.node,
      args: [need.bin("gemini"), "--acp"],
      env: {
        ...home.env,
        ...need.secrets,
        ...(baseUrl === undefined ? {} : { GOOGLE_GEMINI_BASE_URL: baseUrl }),
        GEMINI_CLI_TRUST_WORKSPACE: "true",
        // Else it starts itself a second time.
        GEMINI_CLI_NO_RELAUNCH: "true",
      },
    };
  },
});
