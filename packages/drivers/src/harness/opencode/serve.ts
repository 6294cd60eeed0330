/** OpenCode as a server that sessions of one configuration share: what it is started with, and how a session comes to it. */
import { createServer } from "node:net";
import { join } from "node:path";
import {
  type Connection,
  type ConnectNeed,
  type Lease,
  opened,
  openWorkspace,
  type Server,
  type ServerLaunch,
  type ServerPlace,
  type ServerPlan,
  type Servers,
} from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { gatewayOf } from "../gateway.ts";
import { ownHome } from "../own-home.ts";
import { config, keyName, mcpConfig, mcpSecrets, quiet } from "./config.ts";
import { ServedConnection } from "./connection.ts";
import { digestOf, type Home, homeOf, tidyHome, tidyHomes } from "./homes.ts";
import { Hub } from "./hub.ts";
import { linkOwnLogin } from "./login.ts";
import { requests } from "./requests.ts";

const title = "OpenCode";

/** What of a session decides which server it may share. */
function configurationOf({ options, secrets, mcpServers, hostEnv, programs }: ConnectNeed): Configuration {
  const key = keyName({ options, secrets });
  const { baseUrl, login, registry } = gatewayOf(options);
  return {
    program: programs.bin("opencode"),
    // With a gateway only its key is handed over, and in a file; without one OpenCode looks for keys in its environment.
    env: baseUrl === undefined ? secrets : {},
    open: config(options),
    closed: { ...config(options, key === undefined ? undefined : secrets[key]), ...mcpConfig(mcpServers) },
    login,
    registry,
    hostEnv,
  };
}

interface Configuration {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** Without a key, for the environment. */
  readonly open: object;
  /** With everything, for a private file. */
  readonly closed: object;
  readonly login: string | undefined;
  readonly registry: string | undefined;
  readonly hostEnv: Readonly<Record<string, string>>;
}

/** Left to itself it takes one that everybody knows. Should another be quicker, it does not start, and the next try has another. */
async function freePort(): Promise<number> {
  const probe = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  probe.once("error", reject);
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address();
    probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
  });
  return promise;
}

async function launch(
  { clock, secrets, mcpServers, hostEnv }: ConnectNeed,
  home: Home,
  configuration: Configuration,
  { tempDir, writePrivate }: ServerPlace,
): Promise<ServerLaunch> {
  const own = await ownHome(home.dir, { registry: configuration.registry });
  await linkOwnLogin({ login: configuration.login, hostEnv, stateDir: home.dir });
  const file = await writePrivate(join("opencode", "opencode.json"), JSON.stringify(configuration.closed));
  const password = Buffer.from(clock.chance(24)).toString("hex");
  return {
    command: configuration.program,
    args: ["serve", "--hostname", "127.0.0.1", "--port", `${await freePort()}`, "--print-logs", "--log-level", "WARN"],
    cwd: own.home,
    env: {
      ...hostEnv,
      TMPDIR: tempDir,
      ...own.env,
      ...configuration.env,
      ...quiet,
      OPENCODE_SERVER_PASSWORD: password,
      OPENCODE_CONFIG: file,
      // This holds against what a workspace configures for itself; that it names no key lets it be seen.
      OPENCODE_CONFIG_CONTENT: JSON.stringify(configuration.open),
    },
    secrets: { ...secrets, ...mcpSecrets(mcpServers), OPENCODE_SERVER_PASSWORD: password },
    headers: { authorization: `Basic ${Buffer.from(`opencode:${password}`).toString("base64")}` },
  };
}

const listening = /\blistening on (http:\/\/\S+)/;

/** What each server is heard by, as long as it lives. */
const hubs = new WeakMap<Server, Promise<Hub>>();

function hubOf({ server }: Lease, { clock }: ConnectNeed): Promise<Hub> {
  const open = async () => {
    const hub = new Hub(server, clock);
    await hub.open();
    return hub;
  };
  const hub = hubs.get(server) ?? open();
  hubs.set(server, hub);
  return hub;
}

/** What a former daemon did not get to; before the first server of this one is started. */
const tidied = new WeakMap<Servers, Promise<void>>();

function tidyOnce(servers: Servers, dir: string): Promise<void> {
  const known = tidied.get(servers);
  if (known) return known;
  const tidying = tidyHomes(dir);
  tidied.set(servers, tidying);
  // Whoever waits for it is told; the next session tries again.
  tidying.catch(() => tidied.delete(servers));
  return tidying;
}

async function planOf(
  need: ConnectNeed,
  servers: Servers,
): Promise<{ readonly plan: ServerPlan; readonly home: Home }> {
  const { stateDir, clock } = need;
  const dir = join(servers.dir, "opencode");
  await tidyOnce(servers, dir);
  const configuration = configurationOf(need);
  const digest = await digestOf(dir, configuration, (bytes) => clock.chance(bytes));
  const home = await homeOf({ dir, stateDir, digest });
  const plan: ServerPlan = {
    key: `opencode ${home.id} ${digest}`,
    name: "opencode",
    launch: (place) => launch(need, home, configuration, place),
    address: (line) => listening.exec(line)?.[1],
    healthPath: "/global/health",
    logFile: join(home.dir, "logs", `${digest}.log`),
    ended: () => tidyHome(home.dir),
  };
  return { plan, home };
}

/** A session on the server of its configuration. */
export async function connectServed(need: ConnectNeed): Promise<Connection> {
  const { servers, clock, cwd, signal } = need;
  if (!servers) throw new Fault("agent.cannot", { detail: "There is nothing here that could run a shared server." });
  await using workspace = await openWorkspace(cwd);
  const { plan, home } = await planOf(need, servers);
  const lease = await servers.ensureRunning(plan, { signal });
  try {
    const hub = await hubOf(lease, need);
    const reach = { server: lease.server, clock, directory: workspace.root };
    const connection = new ServedConnection({ need, lease, hub, requests: requests(reach), home });
    return await opened(connection, { title }, need);
  } catch (error) {
    lease.leave();
    throw error;
  }
}
