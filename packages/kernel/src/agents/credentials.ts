/** Finds the logins that a person already has, by reading only: variables first, then the files of programs. Nothing uses them by itself. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CredentialKind, FoundCredential, Login } from "../ports/login.ts";

/** A variable that people keep a key in. */
export interface LoginVariable {
  readonly name: string;
  readonly provider: string;
  readonly kind: CredentialKind;
}

export interface LoginPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

export interface Credential extends FoundCredential {
  /** The variable or the file that has it, as a person would write it. */
  readonly source: string;
  /** The program whose login it is; absent for a variable. */
  readonly program?: string;
}

export interface Discovery {
  /** The first of a provider is the one to prefer. */
  readonly credentials: readonly Credential[];
  /** What was passed over, and why; without a word of its content. */
  readonly notes: readonly string[];
}

export interface DiscoveryNeed extends LoginPlaces {
  readonly variables: readonly LoginVariable[];
  readonly logins: readonly Login[];
}

/** No login is that large; what is larger is something else. */
const largestBytes = 1024 * 1024;

function fromEnvironment({ env, variables }: DiscoveryNeed): readonly Credential[] {
  return variables.flatMap(({ name, provider, kind }) => {
    const value = env[name]?.trim();
    return value ? [{ provider, kind, value, secret: name, source: name }] : [];
  });
}

interface Place {
  readonly path: string;
  /** As a person writes it. */
  readonly said: string;
}

function placeOf({ path, moved }: Login, { env, home }: LoginPlaces): Place {
  const root = moved && env[moved.variable];
  if (moved && root) return { path: join(root, moved.path), said: `$${moved.variable}/${moved.path}` };
  return { path: join(home, path), said: `~/${path}` };
}

type FileReading = Pick<Discovery, "notes"> & { readonly found: readonly FoundCredential[] };

const passedOver = (said: string, why: string): FileReading => ({
  found: [],
  notes: [`${said} ${why}; it was passed over.`],
});

async function readLogin(login: Login, { path, said }: Place): Promise<FileReading> {
  try {
    const entry = await stat(path);
    if (!entry.isFile()) return passedOver(said, "is not a file");
    if (entry.size > largestBytes) return passedOver(said, "is too large to be a login");
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return { found: foundSchema.parse(login.read(content)), notes: [] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { found: [], notes: [] };
    // The error itself may quote the file, so it goes no further.
    return passedOver(said, code === undefined ? "is malformed" : `cannot be read (${code})`);
  }
}

const foundSchema = z.array(
  z.object({
    provider: z.string().min(1),
    kind: z.enum(["api_key", "oauth", "token"]),
    value: z.string().min(1),
    secret: z.string().exactOptional(),
    expiresAt: z.iso.datetime().exactOptional(),
    renewable: z.boolean().exactOptional(),
  }),
);

export async function discoverCredentials(need: DiscoveryNeed): Promise<Discovery> {
  const read = need.logins.map(async (login) => {
    const place = placeOf(login, need);
    const { found, notes } = await readLogin(login, place);
    return { notes, found: found.map((one) => ({ ...one, source: place.said, program: login.program })) };
  });
  const files = await Promise.all(read);
  return {
    credentials: [...fromEnvironment(need), ...files.flatMap(({ found }) => found)],
    notes: files.flatMap(({ notes }) => notes),
  };
}

/** Whether it opens anything at this time; one that its program renews by itself does. */
export const isExpired = ({ expiresAt, renewable }: FoundCredential, nowMs: number): boolean =>
  expiresAt !== undefined && Date.parse(expiresAt) <= nowMs && renewable !== true;
