/** What a driver would launch: the driver is real, only the program is not started. */
import { join } from "node:path";
import { type ConnectNeed, type Harness, manualClock, type SpawnNeed } from "@corral/kernel";
import { makeId } from "@corral/protocol";
import { expect } from "vitest";

export async function launchOf(
  harness: Harness,
  { stateDir, ...over }: Partial<ConnectNeed> & Pick<ConnectNeed, "stateDir">,
): Promise<SpawnNeed> {
  const spawned = Promise.withResolvers<SpawnNeed>();
  const need = {
    run: makeId("run", 0, new Uint8Array(16)),
    session: makeId("session", 0, new Uint8Array(16)),
    cwd: stateDir,
    stateDir,
    clock: manualClock(),
    secrets: {},
    options: {},
    settings: {},
    mcpServers: [],
    hostEnv: { PATH: "/bin" },
    signal: new AbortController().signal,
    programs: { node: "/node", bin: (name: string) => `/programs/${name}` },
    host: { update: () => undefined, ask: async () => ({ outcome: "cancelled" }), notice: () => undefined },
    processes: {
      tempDir: async () => join(stateDir, "tmp"),
      spawn: (wanted: SpawnNeed) => {
        spawned.resolve(wanted);
        return Promise.reject(new Error("enough was seen"));
      },
    },
    ...over,
  } as unknown as ConnectNeed;
  await expect(harness.connect(need)).rejects.toThrow("enough was seen");
  return spawned.promise;
}
