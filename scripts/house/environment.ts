/** What changed in an environment between two looks at it: names only, for values may be secrets. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environmentChanges(before: Environment, after: Environment): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (before[name] === after[name]) return [];
    if (before[name] === undefined) return [`${name} was added`];
    return [after[name] === undefined ? `${name} was removed` : `${name} was changed`];
  });
}
