/** Harnesses that are no file: any command that speaks ACP, as its owner describes it in the configuration. */
import { acpHarness, type Harness } from "@corral/kernel";
import { type AgentCapabilities, Fault } from "@corral/protocol";
import { ownHome } from "./own-home.ts";
import { usualCapabilities } from "./usual.ts";

/** What a person writes of an agent; all but the command has a default that is true of most. */
export interface CustomAgent {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly title?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The names of the secrets that a session may hand to it. */
  readonly secrets?: readonly string[] | undefined;
  /** `own`: each session has a home of its own, without anything that its user has there. */
  readonly home?: "own" | "user" | undefined;
  /** In which of the ways that it offers it may be brought back; with none it is told what was said. */
  readonly restores?: readonly ("resume" | "load")[] | undefined;
  readonly capabilities?: { readonly [Name in keyof AgentCapabilities]?: boolean | undefined } | undefined;
}

/** What an agent has that keeps to the protocol; what it has really, it says when it is started. */
const usual: AgentCapabilities = { ...usualCapabilities, images: false, planMode: false };

const withoutGaps = (card: NonNullable<CustomAgent["capabilities"]>): Partial<AgentCapabilities> =>
  Object.fromEntries(Object.entries(card).filter(([, has]) => has !== undefined));

export function customHarness(id: string, agent: CustomAgent): Harness {
  const { command, args = [], title = id, env = {}, secrets = [], home = "own", restores, capabilities = {} } = agent;
  return acpHarness({
    id,
    title,
    secrets,
    keyless: secrets.length === 0,
    ...(restores ? { restores } : {}),
    capabilities: { ...usual, ...withoutGaps(capabilities) },
    launch: async (need) => ({
      command,
      args,
      env: { ...(home === "own" ? (await ownHome(need.stateDir)).env : {}), ...env, ...need.secrets },
    }),
  });
}

/** The registry with what its user has added; nothing that is built in can be replaced. */
export function withCustom(
  builtIn: readonly Harness[],
  agents: Readonly<Record<string, CustomAgent>>,
): readonly Harness[] {
  const taken = builtIn.find(({ id }) => id in agents);
  if (taken) {
    throw new Fault("config.invalid", {
      detail: `The configuration describes an agent "${taken.id}", which is the name of one that is built in`,
      help: "Give it another name.",
    });
  }
  return [...builtIn, ...Object.entries(agents).map(([id, agent]) => customHarness(id, agent))];
}
