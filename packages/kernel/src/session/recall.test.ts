/** What is remembered, and what is forgotten when there is too much of it. */
import { expect, test } from "vitest";
import { createRecall } from "./recall.ts";

test("what was told first is forgotten first, and never more is kept than is allowed", () => {
  const recall = createRecall<string, number>(2);
  for (const [name, value] of Object.entries({ one: 1, two: 2, three: 3 })) recall.set(name, value);
  expect(["one", "two", "three"].map(recall.get)).toEqual([undefined, 2, 3]);
});
