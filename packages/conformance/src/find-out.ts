/** Finds out what a program offers of which nothing is known but its command: starts it, and has it say one word. */
import type { CustomAgent } from "@corral/drivers";
import { Fault, isFault, type Turn } from "@corral/protocol";
import { z } from "zod";
import type { Choice, Claim, Found, Ways } from "./case.ts";
import { unlessAborted } from "./ear.ts";
import type { Surroundings } from "./house.ts";
import type { Subject } from "./play.ts";
import { commandHarness, modelMark } from "./recipe.ts";
import { Stage } from "./stage.ts";

/** By this name it stands in lists, and in the log of its sessions. */
export const programId = "program";

const something = z.unknown().transform((value) => value !== undefined && value !== null && value !== false);

const initialized = z.looseObject({
  agentInfo: z.looseObject({ name: z.string().optional(), version: z.string().optional() }).optional(),
  agentCapabilities: z
    .looseObject({
      loadSession: something.optional(),
      promptCapabilities: z.looseObject({ image: something.optional() }).optional(),
      sessionCapabilities: z
        .looseObject({ resume: something.optional(), fork: something.optional(), close: something.optional() })
        .optional(),
    })
    .optional(),
});

const values = z.array(z.looseObject({ value: z.string().optional(), id: z.string().optional() }));

const opening = z.looseObject({
  modes: z.looseObject({ currentModeId: z.string(), availableModes: values }).nullish(),
  models: z
    .looseObject({ currentModelId: z.string(), availableModels: z.array(z.looseObject({ modelId: z.string() })) })
    .nullish(),
  configOptions: z
    .array(
      z.looseObject({
        id: z.string(),
        category: z.string().nullish(),
        currentValue: z.unknown().optional(),
        options: z.unknown().optional(),
      }),
    )
    .nullish(),
});

const frame = z.looseObject({
  id: z.unknown().optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
});

/** What was answered to the first request of each method. */
class Answers {
  readonly #asked = new Map<unknown, string>();
  readonly #answered = new Map<string, unknown>();

  hear(dir: string, line: string): void {
    const parsed = frame.safeParse(jsonOf(line));
    if (!parsed.success) return;
    const { id, method, result } = parsed.data;
    if (dir === "client>agent" && method !== undefined) this.#asked.set(id, method);
    const asked = dir === "agent>client" && method === undefined ? this.#asked.get(id) : undefined;
    if (asked !== undefined && !this.#answered.has(asked)) this.#answered.set(asked, result);
  }

  to<Shape extends z.ZodType>(method: string, shape: Shape): z.infer<Shape> | undefined {
    return shape.safeParse(this.#answered.get(method)).data;
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // A line that is no frame; the case of good manners counts it.
  }
}

function claimsIn({ agentCapabilities = {} }: z.infer<typeof initialized>): readonly Claim[] {
  const { loadSession: load, promptCapabilities, sessionCapabilities } = agentCapabilities;
  const { resume, fork, close } = sessionCapabilities ?? {};
  const offered: Readonly<Record<Claim, boolean | undefined>> = {
    load,
    resume,
    fork,
    close,
    image: promptCapabilities?.image,
  };
  return (["load", "resume", "fork", "close", "image"] as const).filter((claim) => offered[claim]);
}

function choiceOf(current: unknown, offered: readonly (string | undefined)[]): Choice | undefined {
  const other = offered.find((value) => value !== undefined && value !== current);
  return typeof current === "string" && other !== undefined ? { current, other } : undefined;
}

/** A flat list, or groups of lists. */
function valuesIn(options: unknown): readonly (string | undefined)[] {
  const groups = z.array(z.looseObject({ options: values })).safeParse(options).data;
  const flat = groups ? groups.flatMap((group) => group.options) : (values.safeParse(options).data ?? []);
  return flat.map(({ value }) => value);
}

function choicesIn(opened: z.infer<typeof opening>): Pick<Found, "model" | "mode"> {
  const { modes, models, configOptions } = opened;
  const option = (category: string) => configOptions?.find((one) => one.category === category || one.id === category);
  const chosen = (category: string) => {
    const { currentValue, options } = option(category) ?? {};
    return choiceOf(currentValue, valuesIn(options));
  };
  const model =
    chosen("model") ?? choiceOf(models?.currentModelId, models?.availableModels.map((one) => one.modelId) ?? []);
  const mode = chosen("mode") ?? choiceOf(modes?.currentModeId, modes?.availableModes.map((one) => one.id) ?? []);
  return { ...(model ? { model } : {}), ...(mode ? { mode } : {}) };
}

const unusable = (detail: string, help: string, cause?: unknown): Fault =>
  new Fault("agent.unusable", { detail, help, ...(cause === undefined ? {} : { cause }) });

const byHand =
  "Run the command by hand: it has to speak the Agent Client Protocol on stdin and stdout, and to end a prompt.";

function requireEnd({ outcome, fault }: Turn): void {
  if (outcome === "completed") return;
  throw unusable(`Its first prompt ended as ${outcome}${fault ? `: ${fault.detail}` : "."}`, fault?.help ?? byHand);
}

const wantsModel = ({ args = [], env = {} }: CustomAgent): boolean =>
  [...args, ...Object.values(env)].some((text) => text.includes(modelMark));

function requireModel(agent: CustomAgent, asksModel: boolean, output: string): void {
  if (asksModel || !wantsModel(agent)) return;
  throw unusable(
    `It was told where the scripted model is, and did not ask it; it said "${output.slice(0, 200)}".`,
    "Look up which variable names its model server, and what it wants behind the address: see --help.",
  );
}

const waysFor = (found: Found): Ways => ({ dialect: "chat", optionsAt: (modelUrl) => ({ modelUrl }), found });

async function firstWord(stage: Stage): Promise<Turn> {
  try {
    const actor = await stage.open();
    return await actor.say("ECHO:ready");
  } catch (error) {
    if (isFault(error)) throw unusable(error.message, error.help ?? byHand, error);
    throw error;
  }
}

/** Throws `agent.unusable` where the program cannot be tried at all. */
export async function findOut(agent: CustomAgent, surroundings: Surroundings, signal?: AbortSignal): Promise<Subject> {
  const answers = new Answers();
  const nothing: Found = { claims: [], asksModel: false, understands: false };
  await using stage = await Stage.open({
    harness: commandHarness(programId, agent),
    ways: waysFor(nothing),
    surroundings,
    listen: (dir, line) => answers.hear(dir, line),
  });
  const first = firstWord(stage);
  const turn = await (signal ? unlessAborted(first, signal) : first);
  requireEnd(turn);
  const { output = "" } = turn;
  const asksModel = stage.model.journal().length > 0;
  requireModel(agent, asksModel, output);
  const claimed = answers.to("initialize", initialized) ?? {};
  const { name, version } = claimed.agentInfo ?? {};
  const found: Found = {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    claims: claimsIn(claimed),
    asksModel,
    understands: output.includes("ready"),
    ...choicesIn(answers.to("session/new", opening) ?? {}),
  };
  const capabilities = { images: found.claims.includes("image"), planMode: found.mode !== undefined };
  const described = { ...agent, ...(name === undefined ? {} : { title: name }), capabilities };
  return {
    agent: described,
    harness: commandHarness(programId, described),
    ways: waysFor(found),
    ...(version === undefined ? {} : { version }),
  };
}
