/** One conversation: what was said in it, what is chosen in it and what runs in it. */
import type { Kept, Message } from "./history.ts";
import type { JsonObject } from "./json.ts";
import { codes, RpcError } from "./rpc-error.ts";
import type { Option, Story } from "./story-shape.ts";

export interface Session extends Kept {
  readonly messages: Message[];
  readonly chosen: Record<string, string>;
  story: Story;
  /** One for each prompt that runs or waits to run. */
  readonly prompts: Set<AbortController>;
  /** Settles when the prompts taken so far are done; never rejects. */
  tail: Promise<void>;
  /** What was said into the running turn and not yet taken up. */
  readonly steering: string[];
}

export const createSession = ({ id, cwd, messages, chosen }: Kept, story: Story): Session => ({
  id,
  cwd,
  messages: structuredClone([...messages]),
  chosen: { ...chosen },
  story,
  prompts: new Set(),
  tail: Promise.resolve(),
  steering: [],
});

export function stop(session: Session): void {
  for (const prompt of session.prompts) prompt.abort(new Error("The turn was cancelled"));
}

const settings = { model: "models", mode: "modes" } as const;
type Setting = keyof typeof settings;
const titles = { model: "Model", mode: "Mode" } as const;

const offered = (session: Session, setting: Setting): readonly Option[] => session.story[settings[setting]];

const current = (session: Session, setting: Setting): string => {
  const options = offered(session, setting);
  const chosen = options.find(({ id }) => id === session.chosen[setting]);
  return (chosen ?? options[0])?.id ?? "";
};

const isSetting = (word: string): word is Setting => Object.hasOwn(settings, word);

export function configOptions(session: Session): readonly JsonObject[] {
  return (["model", "mode"] as const)
    .filter((setting) => offered(session, setting).length > 0)
    .map((setting) => ({
      id: setting,
      name: titles[setting],
      category: setting,
      type: "select",
      currentValue: current(session, setting),
      options: offered(session, setting).map(({ id, ...words }) => ({ value: id, ...words })),
    }));
}

/** What a session is told to offer when it is opened. */
export function offers(session: Session): JsonObject {
  const options = configOptions(session);
  return {
    ...(options.length > 0 ? { configOptions: options } : {}),
    ...(session.story.modes.length > 0
      ? { modes: { currentModeId: current(session, "mode"), availableModes: session.story.modes } }
      : {}),
  };
}

/** Chooses a model or a mode; answers the updates that say so. */
export function choose(session: Session, setting: string, value: string): readonly JsonObject[] {
  const known = configOptions(session).map(({ id }) => id);
  if (!isSetting(setting) || !known.includes(setting)) {
    throw new RpcError(
      codes.invalidParams,
      `There is no option '${setting}'; there are: ${known.join(", ") || "none"}`,
    );
  }
  const ids = offered(session, setting).map(({ id }) => id);
  if (!ids.includes(value)) {
    throw new RpcError(codes.invalidParams, `There is no ${setting} '${value}'; there are: ${ids.join(", ")}`);
  }
  session.chosen[setting] = value;
  const change = { sessionUpdate: "config_option_update", configOptions: configOptions(session) };
  return setting === "mode" ? [{ sessionUpdate: "current_mode_update", currentModeId: value }, change] : [change];
}
