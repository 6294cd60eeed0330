/** One command at a time, in the order in which they came. */

export interface Lane {
  run<Result>(command: () => Promise<Result>): Promise<Result>;
}

/** What keeps a command from being done may be said in other words than it was thrown with. */
export function createLane(explain: (error: unknown) => unknown = (error) => error): Lane {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(command) {
      const result = last.then(command, command);
      last = result;
      return result.catch((error: unknown) => Promise.reject(explain(error)));
    },
  };
}

/** Lanes by name; a name without commands takes no room. */
export function createLanes(): { run<Result>(name: string, command: () => Promise<Result>): Promise<Result> } {
  const lanes = new Map<string, { readonly lane: Lane; waiting: number }>();
  return {
    async run(name, command) {
      const known = lanes.get(name) ?? { lane: createLane(), waiting: 0 };
      lanes.set(name, known);
      known.waiting++;
      try {
        return await known.lane.run(command);
      } finally {
        if (--known.waiting === 0) lanes.delete(name);
      }
    },
  };
}
