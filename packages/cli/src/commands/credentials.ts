/** `corral credentials`: where you are logged in already, and the keys of it for a shell that asks for them. */
import type { Credential, Discovery } from "@corral/kernel";
import { type Command, Option } from "commander";
import { declare, jsonOption, type Stage } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import type { Shell } from "../shell.ts";

interface CredentialsFlags {
  readonly json?: boolean;
  readonly reveal?: boolean;
}

const columns: readonly Column<Credential>[] = [
  { title: "PROVIDER", of: ({ provider }) => provider },
  { title: "KIND", of: ({ kind }) => kind },
  { title: "SOURCE", of: ({ source }) => source },
  { title: "SECRET", of: ({ secret }) => secret },
  {
    title: "EXPIRES",
    of: ({ expiresAt, renewable }) => (expiresAt && renewable ? `${expiresAt} (renews)` : expiresAt),
  },
];

const valueColumn: Column<Credential> = { title: "VALUE", of: ({ value }) => value };

/** Read here, by the person's own process: no daemon is asked, so no daemon ever sends a value. */
async function discover({ world, stderr }: Shell): Promise<Discovery> {
  const [{ discoverCredentials }, { allLogins, loginVariables }] = await Promise.all([
    import("@corral/kernel"),
    import("@corral/drivers"),
  ]);
  const found = await discoverCredentials({ ...world, variables: loginVariables, logins: allLogins });
  for (const note of found.notes) stderr.line(note);
  return found;
}

async function list(shell: Shell, { json = false, reveal = false }: CredentialsFlags): Promise<number> {
  const { credentials, notes } = await discover(shell);
  const shown = credentials.map(({ value, ...rest }) => (reveal ? { ...rest, value } : rest));
  if (json) writeJson(shell.stdout, { credentials: shown, notes });
  else if (credentials.length === 0) shell.stdout.line("You are not logged in anywhere that Corral knows of.");
  else writeTable(shell.stdout, reveal ? [...columns, valueColumn] : columns, credentials);
  return exitCodes.done;
}

/** For POSIX shells: nothing within single quotes means anything, and a single quote is written outside of them. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The preferred value of each variable; a null character can be in no environment. */
export function assignmentsOf(credentials: readonly Credential[]): readonly (readonly [string, string])[] {
  const first = new Map<string, string>();
  for (const { secret, value } of credentials) {
    if (secret !== undefined && !first.has(secret) && !value.includes("\0")) first.set(secret, value);
  }
  return [...first];
}

interface ExtractFlags {
  readonly export?: boolean;
}

const extractCommand = (stage: Stage): Command =>
  declare<[], ExtractFlags>(stage, {
    usage: "extract-env",
    summary: "Prints the keys as assignments, for a shell to read.",
    examples: ['eval "$(corral credentials extract-env --export)"', "corral credentials extract-env > .env"],
    notes: "It prints secrets. The environment comes first; then the files in which programs keep their logins.",
    options: [new Option("--export", "with `export` before each")],
    act: async (shell, { flags }) => {
      const { credentials } = await discover(shell);
      for (const [name, value] of assignmentsOf(credentials)) {
        shell.stdout.line(`${flags.export ? "export " : ""}${name}=${quoted(value)}`);
      }
      return exitCodes.done;
    },
  });

export const credentialsCommand = (stage: Stage): Command =>
  declare<[], CredentialsFlags>(stage, {
    usage: "credentials",
    summary: "Lists where you are logged in: variables, and the logins of coding agents on this machine.",
    examples: ["corral credentials", "corral credentials --json"],
    notes: "Nothing uses them by itself: hand one to a run with --secret, or let an agent use its own login.",
    options: [new Option("--reveal", "also print the values"), jsonOption("the list")],
    act: (shell, { flags }) => list(shell, flags),
  })
    .enablePositionalOptions()
    .addCommand(extractCommand(stage));
