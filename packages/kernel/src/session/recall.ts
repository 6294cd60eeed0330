/** Remembers a bounded number of things; what was told first is forgotten first, and has to be looked up again. */

export interface Recall<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
}

export function createRecall<Key, Value>(most: number): Recall<Key, Value> {
  const known = new Map<Key, Value>();
  return {
    get: (key) => known.get(key),
    set(key, value) {
      known.set(key, value);
      for (const oldest of known.keys()) {
        if (known.size <= most) return;
        known.delete(oldest);
      }
    },
  };
}
