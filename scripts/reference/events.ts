/** The events of a session as text: when each kind comes and what it carries, read off its schema. */
import { type EventType, eventBodies, eventSchema, streamEndSchema, streamResyncSchema } from "@corral/protocol";
import { z } from "zod";
import { code, table } from "./table.ts";

/** When an event comes. A kind without its line does not compile. */
const comes: Readonly<Record<EventType, string>> = {
  "session.opened": "The first event of every log: with which agent, where, and how the session was opened.",
  "session.configured": "The model, the mode, the policy, the labels or the names of the secrets were changed.",
  "session.renamed": "The session has another title.",
  "session.updated": "The agent said something outside of a turn, or too late for its turn (`stale`).",
  "session.closed": "The session takes no more prompts. Nothing follows but what ends with it.",
  "harness.installed": "The session had to wait until its harness was installed; which release, and how long it took.",
  "harness.started": "A harness process was started for the session; `how` says what it remembers.",
  "harness.exited": "The harness process is gone, expected or not, with its code or signal and the ends of its stderr.",
  "harness.stalled": "The harness works on a turn and has been silent for a while. The turn goes on.",
  "harness.notice": "The harness wrote something that the protocol does not know. It was noted and left out.",
  "turn.queued":
    "A prompt was accepted. `continues` is there when the turn goes on from an ask that was answered late.",
  "turn.started": "The turn left the queue.",
  "turn.updated": "The agent said or did something: an update of the Agent Client Protocol, verbatim.",
  "turn.steered": "Something was said into the running turn.",
  "turn.asked": "The harness asks for permission, or for the fields of a form. The turn waits until the deadline.",
  "turn.answered": "An ask has its one answer, from a person, the policy, the deadline, or the end of its turn.",
  "turn.ended": "The turn has its one end.",
  "run.residue": "What the run of a harness left behind. All lists empty is the only good answer.",
};

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (thing: unknown): thing is Schema => typeof thing === "object" && thing !== null;
const schemas = (thing: unknown): readonly Schema[] => (Array.isArray(thing) ? thing.filter(isSchema) : []);

const nameOf = (ref: unknown): string | undefined =>
  typeof ref === "string" ? /^#\/\$defs\/(?<name>[A-Z]\w*)$/.exec(ref)?.groups?.name : undefined;

/** A type in a few words; what is deeper is told by the OpenAPI document. */
function typeOf(schema: unknown): string {
  if (!isSchema(schema)) return "anything";
  const { $ref, enum: choices, const: only, anyOf, type, items, additionalProperties, properties } = schema;
  const name = nameOf($ref);
  if (name !== undefined) return name;
  if (Array.isArray(choices)) return choices.map((choice) => code(String(choice))).join(", ");
  if (only !== undefined) return code(String(only));
  if (Array.isArray(anyOf)) return schemas(anyOf).map(typeOf).join(" or ");
  if (type === "array") return `list of ${typeOf(items)}`;
  if (isSchema(properties)) return `object: ${Object.keys(properties).map(code).join(", ")}`;
  if (isSchema(additionalProperties) && Object.keys(additionalProperties).length > 0)
    return `map of ${typeOf(additionalProperties)}`;
  return typeof type === "string" ? type : "anything";
}

/** A schema with a name of its own is told as a reference to itself. */
function shapeOf(schema: z.ZodType): Schema {
  const told: Schema = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  const named = isSchema(told.$defs) ? told.$defs[nameOf(told.$ref) ?? ""] : undefined;
  return isSchema(named) ? named : told;
}

function fieldsOf(schema: z.ZodType, hidden: readonly string[] = []): string {
  const { properties, required } = shapeOf(schema);
  const rows = Object.entries(isSchema(properties) ? properties : {})
    .filter(([name]) => !hidden.includes(name))
    .map(([name, field]) => {
      const says = isSchema(field) && typeof field.description === "string" ? field.description : "";
      return [code(name), Array.isArray(required) && required.includes(name) ? "always" : "", typeOf(field), says];
    });
  return rows.length === 0 ? "It carries nothing.\n" : table(["field", "there", "type", ""], rows);
}

export const eventsText = (): string =>
  Object.entries(eventBodies)
    .map(([type, body]) => `### ${code(type)}\n\n${comes[type as EventType]}\n\n${fieldsOf(body)}`)
    .join("\n");

export function envelopeText(): string {
  const [first] = (eventSchema as unknown as { readonly options: readonly z.ZodType[] }).options;
  if (first === undefined) throw new Error("there are no events");
  return fieldsOf(first, ["type", "data"]);
}

export const streamLinesText = (): string =>
  [
    ["stream.end", "The stream is over and will bring no more.", streamEndSchema] as const,
    [
      "stream.resync",
      "The events after the caller's cursor were trimmed; the stream goes on at `first`.",
      streamResyncSchema,
    ] as const,
  ]
    .map(([type, says, schema]) => `### ${code(type)}\n\n${says}\n\n${fieldsOf(schema, ["type"])}`)
    .join("\n");
