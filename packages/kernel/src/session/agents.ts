/** The registry of harnesses, told to clients: what each can do, whether it is installed, and where somebody is logged in. */
import type { AgentRecord, LoginRecord } from "@corral/protocol";
import { z } from "zod";
import { type Credential, type Discovery, isExpired } from "../agents/credentials.ts";
import type { Installer } from "../agents/installer.ts";
import type { Agents } from "../kernel.ts";
import type { Clock } from "../ports/clock.ts";
import type { Harness } from "../ports/harness.ts";
import { agentMissing } from "./sessions.ts";

export interface AgentsNeed {
  readonly harnesses: ReadonlyMap<string, Harness>;
  readonly installer: Installer;
  readonly clock: Clock;
  readonly credentials?: () => Promise<Discovery>;
}

const nothingFound = async (): Promise<Discovery> => ({ credentials: [], notes: [] });

export function createAgents({ harnesses, installer, clock, credentials = nothingFound }: AgentsNeed): Agents {
  const named = (agent: string): Harness => {
    const harness = harnesses.get(agent);
    if (!harness) throw agentMissing(agent, harnesses);
    return harness;
  };
  const describe = async (described: readonly Harness[], config: boolean): Promise<readonly AgentRecord[]> => {
    const found = await credentials();
    const nowMs = clock.now();
    return Promise.all(
      described.map(async (harness) => ({
        ...cardOf(harness, config),
        ...loginsOf(harness, found, nowMs),
        ...(await standing(harness, installer)),
      })),
    );
  };
  return {
    list: ({ config = false } = {}) => describe([...harnesses.values()], config),
    async find(agent, { config = false } = {}) {
      const [record] = await describe([named(agent)], config);
      if (!record) throw agentMissing(agent, harnesses);
      return record;
    },
    install: async (agent, options) => installer.install(named(agent), options),
    uninstall: async (agent) => installer.uninstall(named(agent)),
  };
}

type Card = Pick<AgentRecord, "id" | "title" | "capabilities" | "secrets" | "options" | "configOptions">;

function cardOf({ id, title, capabilities, secrets, options, configOptions }: Harness, config: boolean): Card {
  return {
    id,
    title,
    capabilities,
    secrets: [...secrets],
    ...(options ? { options: z.toJSONSchema(options, { io: "input", unrepresentable: "any" }) } : {}),
    ...(config && configOptions ? { configOptions: [...configOptions] } : {}),
  };
}

type Standing = Pick<AgentRecord, "installed" | "version" | "pinnedVersion" | "licence">;

async function standing(harness: Harness, installer: Installer): Promise<Standing> {
  const found = await installer.installed(harness);
  const [pinnedVersion] = Object.values(harness.install?.packages ?? {});
  return {
    installed: found !== undefined,
    ...(found?.version ? { version: found.version } : {}),
    ...(pinnedVersion ? { pinnedVersion } : {}),
    ...(harness.install ? { licence: harness.install.licence } : {}),
  };
}

function recordOf(credential: Credential, nowMs: number): LoginRecord {
  const { provider, kind, source, expiresAt } = credential;
  return {
    provider,
    kind,
    source,
    ...(expiresAt ? { expiresAt } : {}),
    ...(isExpired(credential, nowMs) ? { expired: true } : {}),
  };
}

/** A harness can use what it takes as a secret, and the files that are its own. */
function loginsOf(harness: Harness, { credentials }: Discovery, nowMs: number) {
  const { secrets, logins: own = [], keyless = false } = harness;
  const usable = credentials.filter(
    ({ secret, program }) =>
      (secret !== undefined && secrets.includes(secret)) || own.some((login) => login.program === program),
  );
  const logins = usable.map((one) => recordOf(one, nowMs));
  const credentialsAvailable = keyless || secrets.length === 0 || logins.some(({ expired }) => !expired);
  return { logins, credentialsAvailable };
}
