/** The API as a page for people, rendered from the same document that programs read. */
import type {
  JsonSchema,
  OpenApiDocument,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiResponse,
} from "@corral/protocol";

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => escapes[sign] ?? sign);

/** Text with `code` in back quotes. */
const prose = (text: string): string => escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");

const listOf = (value: unknown): readonly JsonSchema[] => (Array.isArray(value) ? value : []);

/** A schema in a few signs, as a type would be written; named ones are links. */
function typeText(schema: JsonSchema): string {
  const { $ref, type, items, enum: values, anyOf, oneOf } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if ("const" in schema) return escapeHtml(JSON.stringify(schema.const));
  if (Array.isArray(values)) return values.map((value) => escapeHtml(JSON.stringify(value))).join(" | ");
  const branches = [...listOf(anyOf), ...listOf(oneOf)];
  if (branches.length > 0) return branches.map(typeText).join(" | ");
  if (type === "array") return `${typeText((items ?? {}) as JsonSchema)}[]`;
  if (type === "object" && schema.properties) return objectText(schema);
  return escapeHtml(String(type ?? "any"));
}

function fieldsOf(
  schema: JsonSchema,
): readonly { readonly name: string; readonly must: boolean; readonly of: JsonSchema }[] {
  const required = listOf(schema.required) as readonly unknown[];
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
  return properties.map(([name, of]) => ({ name, must: required.includes(name), of }));
}

const objectText = (schema: JsonSchema): string =>
  `{ ${fieldsOf(schema)
    .map(({ name, must, of }) => `${escapeHtml(name)}${must ? "" : "?"}: ${typeText(of)}`)
    .join(", ")} }`;

const row = (cells: readonly string[]): string => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${head.map((name) => `<th>${name}</th>`).join("")}</tr></thead><tbody>${rows.map(row).join("")}</tbody></table>`;

const parameterRow = ({ name, in: place, required, description = "", schema }: OpenApiParameter) => [
  `<code>${escapeHtml(name)}</code>`,
  `${place}${required ? ", required" : ""}`,
  `<code>${typeText(schema)}</code>`,
  prose(description),
];

const mediaText = ({ content = {} }: OpenApiResponse): string =>
  Object.entries(content)
    .map(([type, { schema }]) => (type.endsWith("json") ? `<code>${typeText(schema)}</code>` : `<code>${type}</code>`))
    .join(" or ");

const responseRow = ([status, response]: [string, OpenApiResponse]) => [
  status,
  prose(response.description),
  Number(status) < 400 ? mediaText(response) : `<a href="#schema-Problem">Problem</a>`,
];

/** A call that can be pasted into a shell. */
function curlText(method: string, path: string, { requestBody }: OpenApiOperation): string {
  const example = requestBody?.content["application/json"]?.example;
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  const json = example === undefined ? "" : ` -H 'content-type: application/json' -d '${JSON.stringify(example)}'`;
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`);
  return `curl${verb}${json} "http://127.0.0.1:2468${address}"`;
}

function operationHtml(method: string, path: string, one: OpenApiOperation): string {
  const body = one.requestBody?.content["application/json"]?.schema;
  const parameters = one.parameters ?? [];
  return `<section id="${one.operationId}"><h3><b>${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code></h3>
<p>${prose(one.summary)}</p><pre>${escapeHtml(curlText(method, path, one))}</pre>
${parameters.length > 0 ? table(["Name", "In", "Type", ""], parameters.map(parameterRow)) : ""}
${body ? `<p>Body: <code>${typeText(body)}</code></p>` : ""}
<details><summary>Answers</summary>${table(["Status", "", "Body"], Object.entries(one.responses).map(responseRow))}</details></section>`;
}

function schemaHtml([name, schema]: [string, JsonSchema]): string {
  const fields = fieldsOf(schema).map(({ name: field, must, of }) => [
    `<code>${escapeHtml(field)}</code>${must ? "" : " (optional)"}`,
    `<code>${typeText(of)}</code>`,
    prose(String(of.description ?? "")),
  ]);
  const shape = fields.length > 0 ? table(["Field", "Type", ""], fields) : `<p><code>${typeText(schema)}</code></p>`;
  return `<section id="schema-${name}"><h3>${name}</h3><p>${prose(String(schema.description ?? ""))}</p>${shape}</section>`;
}

const style = `:root{color-scheme:light dark}body{font:16px/1.55 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1.5rem}
h1{margin-bottom:0}h2{margin-top:3rem;text-transform:capitalize;border-bottom:1px solid #8886}h3{margin:2rem 0 .3rem;font-size:1.05rem}
code,pre{font:.88em ui-monospace,monospace}pre{background:#8882;padding:.6rem .8rem;border-radius:6px;overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.92em}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-top:1px solid #8883;overflow-wrap:anywhere}
th{font-weight:600;border:0}nav{columns:2 16rem;font-size:.92em}nav a{display:block;break-inside:avoid}h3 b{color:#2a7d4f}
@media(prefers-color-scheme:dark){h3 b{color:#6fcf97}}a{color:inherit;text-decoration-color:#8888}summary{cursor:pointer}`;

export function docsPage({ info: about, tags, paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, one]) => ({ path, method, one })),
  );
  const links = operations.map(
    ({ path, method, one }) =>
      `<a href="#${one.operationId}"><code>${method.toUpperCase()} ${escapeHtml(path)}</code></a>`,
  );
  const chapters = tags.map(({ name }) => {
    const own = operations.filter(({ one }) => one.tags.includes(name));
    return `<h2>${name}</h2>${own.map(({ method, path, one }) => operationHtml(method, path, one)).join("")}`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(about.title)} API</title><style>${style}</style></head><body>
<h1>${escapeHtml(about.title)} API</h1><p>Release ${escapeHtml(about.version)}. For programs: <a href="/openapi.json">openapi.json</a>.</p>
<p>${prose(about.description)}</p><nav>${links.join("")}</nav>${chapters.join("")}
<h2>Shapes</h2>${Object.entries(components.schemas).map(schemaHtml).join("")}</body></html>`;
}
