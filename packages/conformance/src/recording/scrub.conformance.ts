/** Takes out of a recording what would be different the next time: places, ports, names that chance gave, times. */

/** Names by chance: `ses_0a1b…`, UUIDs, and long runs of letters and digits with a digit among them. */
const byChance = [
  /\b[a-z]{2,8}[_-](?=[a-zA-Z0-9]*\d)[a-zA-Z0-9]{8,}(?:_\d+)?\b/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A UUID stays one, for drivers may tell by it who gave a name. */
const uuidOf = (count: number): string => `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;
const times = /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?/g;
const ports = /\b(127\.0\.0\.1|localhost):\d+/g;
const epochs = /\b1[789]\d{11}\b/g;

/** Each name is replaced by its kind and the order in which it came up, so that what belonged together still does. */
export function createScrubber(places: Readonly<Record<string, string>>): (line: string) => string {
  const seen = new Map<string, string>();
  const counts = new Map<string, number>();
  const nameFor = (name: string): string => {
    const known = seen.get(name);
    if (known !== undefined) return known;
    const kind = /^[a-z]+(?=[_-])/.exec(name)?.[0] ?? "id";
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const scrubbed = uuid.test(name) ? uuidOf(count) : `${kind}-${count}`;
    seen.set(name, scrubbed);
    return scrubbed;
  };
  // Some tell a path without the slash that it begins with.
  const bare = Object.entries(places).flatMap(([place, name]) => {
    const rest = place.replace(/^\//, "");
    return rest.includes("/") ? [[rest, name] as const] : [];
  });
  const placed = [...Object.entries(places), ...bare].toSorted(([left], [right]) => right.length - left.length);
  return (line) => {
    let text = line;
    for (const [place, name] of placed) text = text.replaceAll(place, name);
    text = text.replace(times, "2026-01-01T00:00:00Z").replace(ports, "$1:4010").replace(epochs, "1767225600000");
    for (const pattern of byChance) text = text.replace(pattern, nameFor);
    return text;
  };
}
