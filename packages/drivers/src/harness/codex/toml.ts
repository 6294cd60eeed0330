/** Writes plain values as TOML: a line for each name, and tables inline. */

const key = (name: string): string => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));

function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([name, inner]) => `${key(name)} = ${written(inner)}`)
      .join(", ")} }`;
  }
  // JSON leaves one control character as it is that TOML does not take.
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

export const toml = (values: object): string =>
  Object.entries(values)
    .map(([name, value]) => `${key(name)} = ${written(value)}\n`)
    .join("");
