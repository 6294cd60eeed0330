/** Holds what a follower was told against the log: every event after its first cursor, once, in order, letter by letter. */

export interface Account {
  readonly who: string;
  readonly after: number;
  readonly texts: readonly string[];
}

export function differences({ who, after, texts }: Account, log: readonly string[]): readonly string[] {
  const wanted = log.slice(after);
  const at = wanted.findIndex((text, index) => text !== texts[index]);
  if (at < 0 && texts.length === wanted.length) return [];
  const place = at < 0 ? wanted.length : at;
  return [
    `${who} saw ${texts.length} of ${wanted.length} events after ${after}; event ${after + place + 1} is ` +
      `${wanted[place]?.slice(0, 200)} in the log and ${texts[place]?.slice(0, 200)} as it was told`,
  ];
}
