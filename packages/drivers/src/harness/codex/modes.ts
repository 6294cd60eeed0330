/** What Codex may do in each of its modes, as data: how its commands are confined, when it asks, and whether it plans or acts. */
import type { Frame } from "@corral/kernel";

export interface Mode {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** When a person is asked, in Codex' own words: never, where the model wants to, or for all that is not known to be harmless. */
  readonly asks: "never" | "on-request" | "untrusted";
  readonly sandbox: Frame;
  readonly plans?: true;
}

const readOnly = { type: "readOnly", networkAccess: false };
const unconfined = { type: "dangerFullAccess" };
const workspaceWrite = {
  type: "workspaceWrite",
  writableRoots: [],
  networkAccess: false,
  excludeTmpdirEnvVar: false,
  excludeSlashTmp: false,
};

/** The first is the one that a session begins with. */
export const modes = [
  {
    id: "workspace-write",
    name: "Write in the workspace",
    description: "Commands run in a sandbox that can write in the workspace; leaving it is asked for.",
    asks: "on-request",
    sandbox: workspaceWrite,
  },
  {
    id: "read-only",
    name: "Read only",
    description: "Commands run in a sandbox that can only read; leaving it is asked for.",
    asks: "on-request",
    sandbox: readOnly,
  },
  {
    id: "plan",
    name: "Plan",
    description: "Talks a plan over, reads, and changes nothing.",
    asks: "on-request",
    sandbox: readOnly,
    plans: true,
  },
  {
    id: "ask",
    name: "Ask for everything",
    description:
      "No sandbox; every command that is not known to be harmless is asked for. For hosts without user namespaces.",
    asks: "untrusted",
    sandbox: unconfined,
  },
  {
    id: "full-access",
    name: "Full access",
    description: "No sandbox and no questions.",
    asks: "never",
    sandbox: unconfined,
  },
] as const satisfies readonly Mode[];

export const modeOf = (id: string): Mode => modes.find((mode) => mode.id === id) ?? modes[0];

/** What goes with every prompt, so that nothing of an earlier mode or model stays. */
export const turnSettings = ({ asks, sandbox, plans }: Mode, model: string): Frame => ({
  approvalPolicy: asks,
  sandboxPolicy: sandbox,
  model,
  collaborationMode: {
    mode: plans ? "plan" : "default",
    settings: { model, reasoning_effort: null, developer_instructions: null },
  },
});

export interface ModelName {
  readonly id: string;
  readonly name: string;
}

/** The choices as ACP tells them: this is what clients show. */
export function configOptions(mode: string, model: string, models: readonly ModelName[]): readonly Frame[] {
  const known = models.some(({ id }) => id === model) ? models : [{ id: model, name: model }, ...models];
  return [
    {
      id: "mode",
      name: "Mode",
      category: "mode",
      type: "select",
      currentValue: mode,
      options: modes.map(({ id, name, description }) => ({ value: id, name, description })),
    },
    {
      id: "model",
      name: "Model",
      category: "model",
      type: "select",
      currentValue: model,
      options: known.map(({ id, name }) => ({ value: id, name })),
    },
  ];
}
