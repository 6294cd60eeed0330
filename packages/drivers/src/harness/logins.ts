/** Where people keep their keys and where coding agents keep their own logins, as data: read by discovery, used by nobody unasked. */
import type { CredentialKind, FoundCredential, Login, LoginVariable } from "@corral/kernel";
import { z } from "zod";

const key = (name: string, provider: string, kind: CredentialKind = "api_key"): LoginVariable => ({
  name,
  provider,
  kind,
});

/** In the order of preference. */
export const loginVariables: readonly LoginVariable[] = [
  key("ANTHROPIC_API_KEY", "anthropic"),
  key("ANTHROPIC_AUTH_TOKEN", "anthropic", "token"),
  key("CLAUDE_CODE_OAUTH_TOKEN", "anthropic", "oauth"),
  key("OPENAI_API_KEY", "openai"),
  key("CODEX_API_KEY", "openai"),
  key("GEMINI_API_KEY", "google"),
  key("GOOGLE_API_KEY", "google"),
  key("GOOGLE_GENERATIVE_AI_API_KEY", "google"),
  key("OPENROUTER_API_KEY", "openrouter"),
  key("MISTRAL_API_KEY", "mistral"),
  key("GROQ_API_KEY", "groq"),
  key("XAI_API_KEY", "xai"),
  key("DEEPSEEK_API_KEY", "deepseek"),
  key("CEREBRAS_API_KEY", "cerebras"),
  key("AMP_API_KEY", "amp"),
];

/** The variable that takes a key of a provider, where a file only names the provider. */
const variableOf = (provider: string): { readonly secret?: string } => {
  const found = loginVariables.find((one) => one.provider === provider && one.kind === "api_key");
  return found ? { secret: found.name } : {};
};

const text = z.string().trim().min(1);
/** A time as most programs write it: milliseconds since 1970. */
const epochMs = z.number().positive().max(8.64e15);
const expiry = (ms: number | undefined): { readonly expiresAt?: string } =>
  ms === undefined ? {} : { expiresAt: new Date(ms).toISOString() };

type OAuth = { readonly refresh?: unknown; readonly expires?: number | undefined };
const oauth = (provider: string, value: string, { refresh, expires }: OAuth): FoundCredential => ({
  provider,
  kind: "oauth",
  value,
  ...expiry(expires),
  ...(refresh ? { renewable: true } : {}),
});

const claudeTokens = z.looseObject({
  claudeAiOauth: z
    .looseObject({ accessToken: text, refreshToken: text.nullish(), expiresAt: epochMs.nullish() })
    .nullish(),
});
const claudeConfig = z.looseObject({ primaryApiKey: text.nullish() });

export const claudeLogins: readonly Login[] = [
  {
    program: "Claude Code",
    path: ".claude/.credentials.json",
    moved: { variable: "CLAUDE_CONFIG_DIR", path: ".credentials.json" },
    read(content) {
      const tokens = claudeTokens.parse(content).claudeAiOauth;
      if (!tokens) return [];
      const { accessToken, refreshToken, expiresAt } = tokens;
      const found = oauth("anthropic", accessToken, { refresh: refreshToken, expires: expiresAt ?? undefined });
      return [{ ...found, secret: "CLAUDE_CODE_OAUTH_TOKEN" }];
    },
  },
  {
    program: "Claude Code",
    path: ".claude.json",
    moved: { variable: "CLAUDE_CONFIG_DIR", path: ".claude.json" },
    read(content) {
      const { primaryApiKey } = claudeConfig.parse(content);
      return primaryApiKey
        ? [{ provider: "anthropic", kind: "api_key", value: primaryApiKey, secret: "ANTHROPIC_API_KEY" }]
        : [];
    },
  },
];

/** When a token says itself when it ends. */
function endOfToken(token: string): number | undefined {
  const claims = token.split(".")[1];
  if (claims === undefined) return undefined;
  try {
    const { exp } = z
      .looseObject({ exp: z.number().positive().max(8.64e12) })
      .parse(JSON.parse(Buffer.from(claims, "base64url").toString("utf8")));
    return exp * 1000;
  } catch {
    // Not every token can be read; then nobody knows.
    return undefined;
  }
}

const codexAuth = z.looseObject({
  OPENAI_API_KEY: text.nullish(),
  tokens: z.looseObject({ access_token: text, refresh_token: text.nullish() }).nullish(),
});

export const codexLogins: readonly Login[] = [
  {
    program: "Codex",
    path: ".codex/auth.json",
    moved: { variable: "CODEX_HOME", path: "auth.json" },
    read(content) {
      const { OPENAI_API_KEY: value, tokens } = codexAuth.parse(content);
      const own: FoundCredential[] = value
        ? [{ provider: "openai", kind: "api_key", value, secret: "OPENAI_API_KEY" }]
        : [];
      if (!tokens) return own;
      const { access_token: access, refresh_token: refresh } = tokens;
      return [...own, oauth("openai", access, { refresh, expires: endOfToken(access) })];
    },
  },
];

/** OpenCode and Pi keep one entry for each provider, under its name. */
const entriesSchema = z.record(
  z.string().min(1),
  z.discriminatedUnion("type", [
    z.looseObject({ type: z.enum(["api", "api_key"]), key: text }),
    z.looseObject({
      type: z.literal("oauth"),
      access: text,
      refresh: z.string().nullish(),
      expires: z.number().nullish(),
    }),
    z.looseObject({ type: z.literal("wellknown"), token: text }),
  ]),
);

function entryOf(provider: string, entry: z.infer<typeof entriesSchema>[string]): FoundCredential {
  if (entry.type === "wellknown") return { provider, kind: "token", value: entry.token };
  if (entry.type === "oauth") {
    const { access, refresh, expires } = entry;
    return oauth(provider, access, { refresh, expires: expires || undefined });
  }
  return { provider, kind: "api_key", value: entry.key, ...variableOf(provider) };
}

const readEntries: Login["read"] = (content) =>
  Object.entries(entriesSchema.parse(content)).map(([provider, entry]) => entryOf(provider, entry));

export const opencodeLogins: readonly Login[] = [
  {
    program: "OpenCode",
    path: ".local/share/opencode/auth.json",
    moved: { variable: "XDG_DATA_HOME", path: "opencode/auth.json" },
    read: readEntries,
  },
];

export const piLogins: readonly Login[] = [
  {
    program: "Pi",
    path: ".pi/agent/auth.json",
    moved: { variable: "PI_CODING_AGENT_DIR", path: "auth.json" },
    read: readEntries,
  },
];

const geminiTokens = z.looseObject({
  access_token: text,
  refresh_token: text.nullish(),
  expiry_date: epochMs.nullish(),
});

export const geminiLogins: readonly Login[] = [
  {
    program: "Gemini CLI",
    path: ".gemini/oauth_creds.json",
    read(content) {
      const { access_token: access, refresh_token: refresh, expiry_date: expires } = geminiTokens.parse(content);
      return [oauth("google", access, { refresh, expires: expires ?? undefined })];
    },
  },
];

const ampKeys = z.record(z.string(), z.unknown());

export const ampLogins: readonly Login[] = [
  {
    program: "Amp",
    path: ".local/share/amp/secrets.json",
    moved: { variable: "XDG_DATA_HOME", path: "amp/secrets.json" },
    read: (content) =>
      Object.entries(ampKeys.parse(content)).flatMap(([name, value]) =>
        name.startsWith("apiKey@")
          ? [{ provider: "amp", kind: "api_key" as const, value: text.parse(value), secret: "AMP_API_KEY" }]
          : [],
      ),
  },
];

/** Also of programs that no driver drives. */
export const allLogins: readonly Login[] = [
  ...claudeLogins,
  ...codexLogins,
  ...opencodeLogins,
  ...geminiLogins,
  ...piLogins,
  ...ampLogins,
];
