/** The smallest value that fits a JSON schema; harnesses ask for structured answers and repeat themselves until one fits. */
import { asRecord, isRecord, type JsonObject } from "./json.ts";

interface Place {
  readonly root: JsonObject;
  /** The name of the field that is filled. */
  readonly key: string;
  readonly depth: number;
}

/** Schemas that refer to themselves end here. */
const deepest = 12;

const formats: Readonly<Record<string, string>> = {
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "00:00:00Z",
  email: "scripted@example.org",
  uri: "https://example.org/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

export const jsonExample = (schema: JsonObject): unknown => fill(schema, { root: schema, key: "value", depth: 0 });

function fill(written: unknown, place: Place): unknown {
  const schema = resolved(asRecord(written), place);
  const [given] = [schema.const, schema.default].filter((value) => value !== undefined);
  if (given !== undefined) return given;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  return byType(schema, place);
}

const limit = (thing: unknown): number | undefined => (typeof thing === "number" ? thing : undefined);

function byType(schema: JsonObject, place: Place): unknown {
  switch (typeOf(schema)) {
    case "object":
      return objectOf(schema, place);
    case "array":
      return Array.from({ length: limit(schema.minItems) ?? 0 }, () => fill(schema.items, deeper(place, place.key)));
    case "number":
    case "integer":
      return numberOf(schema);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return stringOf(schema, place.key);
  }
}

const deeper = ({ root, depth }: Place, key: string): Place => ({ root, key, depth: depth + 1 });

function typeOf({ type, properties }: JsonObject): string {
  const types = Array.isArray(type) ? type.filter((one) => one !== "null") : [type];
  return String(types[0] ?? (isRecord(properties) ? "object" : "string")).toLowerCase();
}

/** Follows references, takes the first of several alternatives, and puts together what must all hold. */
function resolved(schema: JsonObject, place: Place, hops = 0): JsonObject {
  if (hops > deepest) return {};
  if (typeof schema.$ref === "string") return resolved(followed(schema.$ref, place.root), place, hops + 1);
  const choices = [schema.anyOf, schema.oneOf].find(Array.isArray);
  if (choices) {
    const first = choices.map(asRecord).find(({ type }) => type !== "null") ?? {};
    const { anyOf: _any, oneOf: _one, ...rest } = schema;
    return resolved({ ...rest, ...resolved(first, place, hops + 1) }, place, hops + 1);
  }
  return Array.isArray(schema.allOf) ? together(schema, schema.allOf, place, hops) : schema;
}

function together(schema: JsonObject, parts: readonly unknown[], place: Place, hops: number): JsonObject {
  const all = [schema, ...parts.map((part) => resolved(asRecord(part), place, hops + 1))];
  const properties = Object.assign({}, ...all.map((part) => asRecord(part.properties))) as JsonObject;
  const { allOf: _, ...whole } = Object.assign({}, ...all) as JsonObject;
  return Object.keys(properties).length > 0 ? { ...whole, properties } : whole;
}

const followed = (ref: string, root: JsonObject): JsonObject =>
  ref
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .reduce<JsonObject>((at, step) => asRecord(at[step.replaceAll("~1", "/").replaceAll("~0", "~")]), root);

/** Every field, as strict schemas want it; far down only what is required. */
function objectOf(schema: JsonObject, place: Place): JsonObject {
  const required = Array.isArray(schema.required) ? schema.required : [];
  if (place.depth > 2 * deepest) return {};
  const fields = Object.entries(asRecord(schema.properties)).filter(
    ([key]) => place.depth < deepest || required.includes(key),
  );
  return Object.fromEntries(fields.map(([key, inner]) => [key, fill(inner, deeper(place, key))]));
}

function numberOf(schema: JsonObject): number {
  const above = limit(schema.exclusiveMinimum);
  const least = limit(schema.minimum) ?? (above === undefined ? 1 : above + 1);
  const step = limit(schema.multipleOf);
  const fitting = step === undefined ? least : Math.ceil(least / step) * step;
  return Math.min(fitting, limit(schema.maximum) ?? fitting);
}

function stringOf(schema: JsonObject, key: string): string {
  const text = formats[String(schema.format)] ?? `Scripted ${key}`;
  return text.padEnd(limit(schema.minLength) ?? 0, ".").slice(0, limit(schema.maxLength));
}
