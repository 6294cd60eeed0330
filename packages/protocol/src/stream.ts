/** What a followed stream says beside events: that history was trimmed, and that it is over. */
import { z } from "zod";

export const streamEndSchema = z.object({
  type: z.literal("stream.end"),
  reason: z.enum(["session.closed", "session.removed", "daemon.stopping"]),
});
export type StreamEnd = Readonly<z.infer<typeof streamEndSchema>>;

/** The events after the caller's cursor are gone up to `first`; what follows starts there. */
export const streamResyncSchema = z.object({ type: z.literal("stream.resync"), after: z.int(), first: z.int() });
export type StreamResync = Readonly<z.infer<typeof streamResyncSchema>>;

/** In server-sent events: `event:` is the event's type, `id:` its cursor, `data:` its JSON; these two have no id. */
export const streamMediaTypes = {
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
  json: "application/json",
} as const;
export type StreamForm = keyof typeof streamMediaTypes;

export const problemMediaType = "application/problem+json";
export const defaultPort = 2468;
export const apiVersion = 1;
