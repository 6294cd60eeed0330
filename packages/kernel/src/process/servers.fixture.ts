/** What the tests of shared servers share: the plan of a server that misbehaves as it is told. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServerPlan } from "./server.ts";
import type { Misbehaviour } from "./server-program.fixture.ts";

const program = fileURLToPath(new URL("./server-program.fixture.ts", import.meta.url));

export const key = "sk-agent-scoped-2b9f";

export interface Placed {
  readonly tempDir: string;
  readonly config: string;
}

export interface Planned {
  readonly plan: ServerPlan;
  /** Where each start put its files. */
  readonly places: Placed[];
}

export function planFor(
  dir: string,
  over: Partial<ServerPlan> & { readonly program?: Partial<Misbehaviour> } = {},
): Planned {
  const places: Placed[] = [];
  const { program: how, ...plan } = over;
  return {
    places,
    plan: {
      key: "one",
      name: "fixture",
      async launch({ tempDir, writePrivate }) {
        const config = await writePrivate(join("config", "server.json"), JSON.stringify({ apiKey: key }));
        places.push({ tempDir, config });
        return {
          command: process.execPath,
          args: [program, JSON.stringify({ dir, ...how })],
          cwd: dir,
          env: { PATH: process.env.PATH ?? "", SERVER_KEY: "Basic key", TMPDIR: tempDir },
          secrets: { API_KEY: key },
          headers: { authorization: "Basic key" },
        };
      },
      address: (line) => /^listening on (\S+)/.exec(line)?.[1],
      healthPath: "/health",
      logFile: join(dir, "logs", "server.log"),
      ...plan,
    },
  };
}
