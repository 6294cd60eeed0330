/** OpenCode: its own agent over ACP, one process for a session; or, where that is asked for, as a server that sessions share. */
import { join } from "node:path";
import { acpHarness, type Harness } from "@corral/kernel";
import { z } from "zod";
import { retold } from "./corrections/retold.ts";
import { usageFromDatabase } from "./corrections/usage-from-database.ts";
import { gatewayOf, gatewayOptions } from "./gateway.ts";
import { opencodeLogins } from "./logins.ts";
import { config, keyName, quiet, secretNames } from "./opencode/config.ts";
import { linkOwnLogin, ownFiles } from "./opencode/login.ts";
import { connectServed } from "./opencode/serve.ts";
import { ownHome } from "./own-home.ts";
import { usualCapabilities } from "./usual.ts";

const options = gatewayOptions.extend({
  runtime: z
    .enum(["acp", "serve"])
    .optional()
    .describe(
      "`serve`: sessions of the same configuration share one OpenCode server; otherwise each has its own process.",
    ),
});

const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"] as const;
const binaries = Object.fromEntries(platforms.map((name) => [name, `opencode-${name}/bin/opencode`]));
const onMusl = {
  "linux-x64-musl": "opencode-linux-x64-musl/bin/opencode",
  "linux-arm64-musl": "opencode-linux-arm64-musl/bin/opencode",
};

const overAcp = acpHarness({
  id: "opencode",
  title: "OpenCode",
  install: {
    packages: { "opencode-ai": "1.18.33" },
    bins: { opencode: { ...binaries, ...onMusl } },
    licence: "open",
  },
  secrets: secretNames,
  logins: opencodeLogins,
  options,
  capabilities: {
    ...usualCapabilities,
    questions: false,
    // It can; a session does where it asks for it with `runtime`.
    sharedProcess: true,
  },
  corrections: ({ clock, stateDir }) => {
    const once = retold(clock);
    const whole = usageFromDatabase({ clock, path: join(ownFiles(stateDir), "opencode.db") });
    return {
      ...once,
      ...whole,
      prompt: () => {
        once.prompt();
        whole.prompt();
      },
    };
  },
  launch: async (need) => {
    const { stateDir, secrets, options: given, bin, chance } = need;
    const { registry, login } = gatewayOf(given);
    const home = await ownHome(stateDir, { registry });
    await linkOwnLogin({ ...need, login });
    const key = keyName(need);
    return {
      command: bin("opencode"),
      args: ["acp"],
      env: {
        ...home.env,
        ...secrets,
        ...quiet,
        // Beside its pipes it listens on a port of loopback, where whoever knows no password could use its shell.
        OPENCODE_SERVER_PASSWORD: Buffer.from(chance(24)).toString("hex"),
        // The key is named, not written: what stands in a configuration is easily shown to somebody.
        OPENCODE_CONFIG_CONTENT: JSON.stringify(config(given, key === undefined ? undefined : `{env:${key}}`)),
      },
    };
  },
});

export const opencode: Harness = {
  ...overAcp,
  connect: (need) => (need.options.runtime === "serve" ? connectServed(need) : overAcp.connect(need)),
};
