/** What a step has at hand while it is played. */
import { chunk, promptsIn, record, textBlock } from "./history.ts";
import type { JsonObject } from "./json.ts";
import { type Machine, pause } from "./machine.ts";
import { codes, RpcError } from "./rpc-error.ts";
import type { Session } from "./session.ts";
import type { Step, StopReason } from "./story-shape.ts";
import type { Wire } from "./wire.ts";

/** How a turn ends before its last step. */
export type Ending = { readonly stop: StopReason } | { readonly error: RpcError };

export type Env = Readonly<Record<string, string | undefined>>;

/** What the answer to the prompt will hold besides the reason of its end. */
export interface Tally {
  usage?: { inputTokens: number; outputTokens: number; totalTokens: number; cachedReadTokens?: number };
  /** How many times the prompt is answered. */
  answers: number;
  readonly afterwards: (() => void)[];
}

export interface Scene {
  readonly session: Session;
  readonly wire: Wire;
  readonly machine: Machine;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly prompt: string;
  readonly tally: Tally;
  /** Puts the facts of this turn in place of `{{prompt}}`, `{{turn}}`, `{{count}}`, `{{cwd}}` and `{{session}}`. */
  fill(text: string): string;
  /** A name that is not used twice in the session. */
  name(prefix: string): string;
  /** Tells the client, and keeps what belongs to the history. */
  update(update: JsonObject): Promise<void>;
  speak(kind: "agent_message_chunk" | "agent_thought_chunk", text: string, how?: Delivery): Promise<void>;
  request(method: string, params: JsonObject, options?: { repeat: boolean }): Promise<unknown>;
  pause(ms: number): Promise<void>;
  play(steps: readonly Step[]): Promise<Ending | undefined>;
  /** Writes a line to stderr; resolves when it is taken. */
  complain(line: string): Promise<void>;
}

export interface Delivery {
  readonly chunk?: number;
  readonly delayMs?: number;
}

type SceneNeed = Pick<Scene, "session" | "wire" | "machine" | "env" | "signal" | "prompt" | "complain">;

export function createScene(
  need: SceneNeed,
  play: (scene: Scene, steps: readonly Step[]) => ReturnType<Scene["play"]>,
): Scene {
  const { session, wire, machine, signal, prompt } = need;
  const turn = promptsIn(session.messages);
  let names = 0;
  const facts: Readonly<Record<string, string>> = {
    prompt,
    turn: `${turn}`,
    count: `${turn}`,
    cwd: session.cwd,
    session: session.id,
  };
  const scene: Scene = {
    ...need,
    tally: { answers: 1, afterwards: [] },
    fill: (text) => text.replace(/\{\{(\w+)\}\}/g, (written, fact: string) => facts[fact] ?? written),
    name: (prefix) => `${prefix}_${turn}_${++names}`,
    async update(update) {
      signal.throwIfAborted();
      record(session.messages, update);
      await wire.notify("session/update", { sessionId: session.id, update });
    },
    async speak(kind, text, { chunk: size, delayMs = 0 } = {}) {
      const messageId = scene.name("msg");
      for (const [index, part] of chunks(text, size).entries()) {
        if (index > 0 && delayMs > 0) await scene.pause(delayMs);
        await scene.update(chunk(kind, messageId, textBlock(part)));
      }
    },
    request: (method, params, options) => wire.request(method, params, { signal, ...options }),
    pause: (ms) => pause(machine, ms, { signal }),
    play: (steps) => play(scene, steps),
  };
  return scene;
}

/** Cuts between code points, never inside one. */
function chunks(text: string, size: number | undefined): readonly string[] {
  if (size === undefined) return [text];
  const points = [...text];
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size).join(""),
  );
}

/** JSON in whose texts the facts of the turn are put in place. */
export const filled = (scene: Scene, value: JsonObject): JsonObject =>
  JSON.parse(JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? scene.fill(part) : part)));

/** The same error with the name of the request that the client refused. */
export function refused(method: string, error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  return new RpcError(codes.internal, `The client refused ${method}: ${error.message}`, error.toWire());
}
