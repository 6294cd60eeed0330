/** What is said in a conversation, in the words of the Agent Client Protocol, kept verbatim: unknown fields and kinds pass through. */
import { z } from "zod";

const annotations = { _meta: z.record(z.string(), z.unknown()).optional() };

export const contentBlockSchema = z
  .discriminatedUnion("type", [
    z.looseObject({ type: z.literal("text"), text: z.string(), ...annotations }),
    z.looseObject({ type: z.literal("image"), data: z.string(), mimeType: z.string(), ...annotations }),
    z.looseObject({ type: z.literal("audio"), data: z.string(), mimeType: z.string(), ...annotations }),
    z.looseObject({ type: z.literal("resource_link"), uri: z.string(), name: z.string(), ...annotations }),
    z.looseObject({ type: z.literal("resource"), resource: z.looseObject({ uri: z.string() }), ...annotations }),
  ])
  .meta({ id: "ContentBlock" });

export type ContentBlock = z.infer<typeof contentBlockSchema>;

/** A prompt is a plain text or a list of blocks; inside the house it is always a list. */
export const promptSchema = z
  .union([
    z
      .string()
      .min(1)
      .transform((text): readonly ContentBlock[] => [{ type: "text", text }]),
    z.array(contentBlockSchema).min(1),
  ])
  .meta({ id: "Prompt", example: "Say hello" });

/** One `session/update` of a harness: only its kind is known for sure. */
export type SessionUpdate = { readonly sessionUpdate: string } & Readonly<Record<string, unknown>>;

export const sessionUpdateSchema = z
  .looseObject({ sessionUpdate: z.string() })
  .meta({ id: "SessionUpdate", description: "A SessionUpdate of the Agent Client Protocol, verbatim." });

/** Kinds of updates that are talk: part of the conversation, and no news of settings. */
export const isTalk = ({ sessionUpdate }: SessionUpdate): boolean => /_chunk$|^tool_call|^plan/.test(sessionUpdate);

/** The text that a chunk-like update carries, if it carries text. */
export function chunkText(update: SessionUpdate): string | undefined {
  const content = update.content;
  if (typeof content !== "object" || content === null || !("text" in content)) return undefined;
  return typeof content.text === "string" ? content.text : undefined;
}

export const promptText = (prompt: readonly ContentBlock[]): string =>
  prompt.map((block) => (block.type === "text" ? block.text : `[${block.type}]`)).join("\n");
