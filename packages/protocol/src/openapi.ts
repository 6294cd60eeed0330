/** The contract as an OpenAPI 3.1 document: read off the tables, nothing said twice. */
import { z } from "zod";
import { contract, type OperationName } from "./contract/index.ts";
import type { Operation } from "./contract/operation.ts";
import { type FaultCode, faults } from "./fault.ts";
import { problemSchema } from "./problem.ts";
import { problemMediaType, streamEndSchema, streamMediaTypes, streamResyncSchema } from "./stream.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

export interface OpenApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

interface OpenApiMedia {
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly content?: Readonly<Record<string, OpenApiMedia>>;
}

export interface OpenApiOperation {
  readonly operationId: OperationName;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly OpenApiParameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, OpenApiMedia>> };
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, JsonSchema>>;
  };
}

type Direction = "input" | "output";
type Definitions = Record<string, JsonSchema>;

/** A query knows only text: a schema that reads a number out of it says so in `override`. OpenAPI 3.1 calls an example `examples`. */
function restate(schema: Record<string, unknown>): void {
  const { override, example, description } = schema;
  if (override !== undefined) {
    for (const keyword of Object.keys(schema)) delete schema[keyword];
    Object.assign(schema, override, description === undefined ? {} : { description });
  } else if (example !== undefined) {
    delete schema.example;
    schema.examples = [example];
  }
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

/** Later releases may say more; an answer with a new field is no broken promise. */
function loosen(schema: Record<string, unknown>): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}

/** Every object of a tree, the leaves first. */
function each(tree: unknown, visit: (node: Record<string, unknown>) => void): void {
  if (typeof tree !== "object" || tree === null) return;
  for (const branch of Object.values(tree)) each(branch, visit);
  if (!Array.isArray(tree)) visit(tree as Record<string, unknown>);
}

const definitionsAt = "#/$defs/";
const componentsAt = "#/components/schemas/";

/** One schema as JSON Schema, and the named ones it refers to. Wrapped, so that a named root is referred to as well. */
function convert(schema: z.ZodType, io: Direction): { readonly root: JsonSchema; readonly named: Definitions } {
  const whole = z.toJSONSchema(z.object({ root: schema }), { io, unrepresentable: "any" });
  const { root = {} } = (whole.properties ?? {}) as Record<string, JsonSchema>;
  const named = (whole.$defs ?? {}) as Definitions;
  for (const tree of [root, ...Object.values(named)]) {
    each(tree, restate);
    if (io === "output") each(tree, loosen);
  }
  return { root, named };
}

const referredTo = (schema: JsonSchema): readonly string[] => {
  const names: string[] = [];
  each(schema, ({ $ref }) => {
    if (typeof $ref === "string" && $ref.startsWith(definitionsAt)) names.push($ref.slice(definitionsAt.length));
  });
  return names;
};

/** What callers give and what they get may differ under one name, by their defaults for one; such names, and those built on them. */
function ambiguous(given: Definitions, got: Definitions): ReadonlySet<string> {
  const names = new Set(
    Object.keys(given).filter((name) => got[name] && JSON.stringify(given[name]) !== JSON.stringify(got[name])),
  );
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const [name, schema] of Object.entries(given)) {
      if (got[name] && referredTo(schema).some((other) => names.has(other))) names.add(name);
    }
  }
  return names;
}

const allOperations: readonly Operation[] = Object.values(contract);
const streamLines = z.union([streamEndSchema, streamResyncSchema]).meta({ id: "StreamLine" });

const present = (schemas: readonly (z.ZodType | undefined)[]): readonly z.ZodType[] =>
  schemas.filter((schema) => schema !== undefined);

interface Vocabulary {
  readonly schemas: Definitions;
  schema(schema: z.ZodType, io: Direction): JsonSchema;
}

/** Gathers every named schema of the contract once and spells references to them as components. */
function createVocabulary(): Vocabulary {
  const gather = (schemas: readonly z.ZodType[], io: Direction): Definitions =>
    Object.assign({}, ...schemas.map((schema) => convert(schema, io).named)) as Definitions;
  const given = gather(present(allOperations.flatMap(({ params, query, body }) => [params, query, body])), "input");
  const answers = present(allOperations.flatMap((one) => [one.answer, one.follows, one.tells]));
  const got = gather([...answers, problemSchema, streamLines], "output");
  const twofold = ambiguous(given, got);
  const nameOf = (name: string, io: Direction): string => (io === "input" && twofold.has(name) ? `${name}Input` : name);
  const refer = <Schema extends JsonSchema>(schema: Schema, io: Direction): Schema => {
    each(schema, (node) => {
      const { $ref } = node;
      if (typeof $ref !== "string" || !$ref.startsWith(definitionsAt)) return;
      node.$ref = componentsAt + nameOf($ref.slice(definitionsAt.length), io);
    });
    return schema;
  };
  const schemas: Definitions = {};
  for (const [name, schema] of Object.entries(given)) schemas[nameOf(name, "input")] = refer(schema, "input");
  for (const [name, schema] of Object.entries(got)) schemas[name] = refer(schema, "output");
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { schemas: sorted, schema: (schema, io) => refer(convert(schema, io).root, io) };
}

function parametersOf(place: "path" | "query", object: z.ZodObject | undefined, words: Vocabulary): OpenApiParameter[] {
  if (!object) return [];
  const { properties = {}, required = [] } = words.schema(object, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(typeof description === "string" ? { description } : {}),
    schema,
  }));
}

const idempotencyKey: OpenApiParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The caller's name for this request: a retry under it gets the first answer.",
  schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" },
};

const lastEventId: OpenApiParameter = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description: "The cursor of the last event the caller has; wins over `after`.",
  schema: { type: "integer", minimum: 0 },
};

const problem = (codes: readonly FaultCode[]): OpenApiResponse => ({
  description: codes.map((code) => `\`${code}\`: ${faults[code].title}.`).join(" "),
  content: { [problemMediaType]: { schema: { $ref: `${componentsAt}Problem` } } },
});

const everywhere: readonly FaultCode[] = ["auth.required", "auth.host", "auth.origin", "daemon.stopping", "internal"];
const withBody: readonly FaultCode[] = [
  "request.malformed",
  "request.invalid",
  "request.too_large",
  "request.media_type",
];

function faultsOf(one: Operation): readonly FaultCode[] {
  const shaped: readonly FaultCode[] = one.body ? withBody : one.params || one.query ? ["request.invalid"] : [];
  const keyed: readonly FaultCode[] = one.idempotent ? ["request.key_reused"] : [];
  return [...new Set([...one.faults, ...shaped, ...keyed, ...everywhere])];
}

function problemsOf(one: Operation): Record<string, OpenApiResponse> {
  const byStatus = Map.groupBy(faultsOf(one), (code) => String(faults[code].status));
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => (a < b ? -1 : 1)).map(([at, codes]) => [at, problem(codes)]),
  );
}

const exampleSession = "ses_01k9w3x5v7e8r2t4y6p8a0s1d3";
const exampleEvent = `{"id":"${exampleSession}.7","cursor":7,"session":"${exampleSession}","at":"2026-01-01T12:00:00.000Z","source":"agent","type":"turn.updated","data":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"Hello"}}}}`;
const exampleEnd = `{"type":"stream.end","reason":"session.closed"}`;

/** Lines of work that takes its time; the last one says how it ended. */
const toldContent = (contentSchema: JsonSchema): Record<string, OpenApiMedia> => ({
  [streamMediaTypes.sse]: { schema: { type: "string", contentSchema } },
  [streamMediaTypes.ndjson]: { schema: { type: "string", contentSchema } },
});

/** An answer that can be followed comes in three forms. */
function successContent(one: Operation, words: Vocabulary): Record<string, OpenApiMedia> {
  const json = one.answer ? { [streamMediaTypes.json]: { schema: words.schema(one.answer, "output") } } : {};
  if (one.tells) return { ...json, ...toldContent(words.schema(one.tells, "output")) };
  if (!one.follows) return json;
  const line = { anyOf: [words.schema(one.follows, "output"), { $ref: `${componentsAt}StreamLine` }] };
  const sse = `id: 7\nevent: turn.updated\ndata: ${exampleEvent}\n\nevent: stream.end\ndata: ${exampleEnd}\n\n`;
  return {
    ...json,
    [streamMediaTypes.sse]: { schema: { type: "string", contentSchema: line }, example: sse },
    [streamMediaTypes.ndjson]: {
      schema: { type: "string", contentSchema: line },
      example: `${exampleEvent}\n${exampleEnd}\n`,
    },
  };
}

const successText: Readonly<Record<number, string>> = {
  200: "Done.",
  201: "Made.",
  202: "Accepted; it goes on.",
  204: "Done; there is nothing to tell.",
};

function responsesOf(one: Operation, words: Vocabulary): Record<string, OpenApiResponse> {
  const content = successContent(one, words);
  const filled = Object.keys(content).length > 0 ? { content } : {};
  const statuses = [...(one.alsoStatus ?? []), one.status].sort();
  const successes = statuses.map((at) => [String(at), { description: successText[at] ?? "Done.", ...filled }]);
  return { ...Object.fromEntries(successes), ...problemsOf(one) };
}

function requestBodyOf(one: Operation, words: Vocabulary): Pick<OpenApiOperation, "requestBody"> {
  if (!one.body) return {};
  const example = z.globalRegistry.get(one.body)?.example;
  const media = { schema: words.schema(one.body, "input"), ...(example === undefined ? {} : { example }) };
  const required = !one.body.safeParse({}).success;
  return { requestBody: { required, content: { [streamMediaTypes.json]: media } } };
}

const openPaths = new Set(["/v1/health"]);

function describe(operationId: OperationName, words: Vocabulary): OpenApiOperation {
  const one: Operation = contract[operationId];
  const parameters = [
    ...parametersOf("path", one.params, words),
    ...parametersOf("query", one.query, words),
    ...(one.idempotent ? [idempotencyKey] : []),
    ...(one.follows ? [lastEventId] : []),
  ];
  return {
    operationId,
    tags: [one.tag],
    summary: one.summary,
    ...(openPaths.has(one.path) ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...requestBodyOf(one, words),
    responses: responsesOf(one, words),
  };
}

function pathsOf(words: Vocabulary): OpenApiDocument["paths"] {
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const name of Object.keys(contract) as OperationName[]) {
    const { path, method } = contract[name];
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(name, words) };
  }
  return paths;
}

const description = `Runs any coding agent behind one API. A session is an append-only log of events with dense cursors;
state is a fold of that log, and to be told is to follow it. Refusals are problem documents (RFC 9457) with a \`code\` of a
closed list. Requests that make something take an \`Idempotency-Key\`.`.replaceAll("\n", " ");

export function openApi({ version }: { readonly version: string }): OpenApiDocument {
  const words = createVocabulary();
  return {
    openapi: "3.1.0",
    info: { title: "Corral", version, description },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, {}],
    tags: [...new Set(allOperations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(words),
    components: { schemas: words.schemas, securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  };
}
