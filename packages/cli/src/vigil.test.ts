/** Whoever waits for a daemon that is gone is told so. */
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { keepVigil } from "./vigil.ts";

test("a daemon that does not answer any more is given up", async () => {
  const silent = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const lost = Promise.withResolvers<string>();
  using _ = keepVigil(url, ({ code }) => lost.resolve(code), 50);
  expect(await lost.promise).toBe("daemon.unreachable");
  silent.close();
});
