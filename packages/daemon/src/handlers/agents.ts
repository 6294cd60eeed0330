/** Answers for the table of agents. */
import type { Installed } from "@corral/kernel";
import {
  type agents,
  Fault,
  type InstalledAgent,
  type InstallLine,
  type InstallRequest,
  isFault,
} from "@corral/protocol";
import { Telling } from "../telling.ts";
import { type Handlers, type HandlersNeed, present } from "./handler.ts";

const installedOf = ({ alreadyInstalled, version, artifacts }: Installed): InstalledAgent => ({
  already_installed: alreadyInstalled,
  ...(version ? { version } : {}),
  artifacts: [...artifacts],
});

/** The operator finds a surprise in the log; the caller only learns that it was one. */
function failed(error: unknown, surprised: HandlersNeed["surprised"]): InstallLine {
  const known = isFault(error) && error.code !== "internal";
  const detail = known ? "" : `The daemon did not expect this; its log has ${surprised(error)}.`;
  return { type: "install.failed", fault: (known ? error : new Fault("internal", { detail })).toRecord() };
}

function installing({ kernel, surprised }: HandlersNeed, agent: string, request: InstallRequest) {
  const { agentVersion, reinstall, offline } = request;
  const options = present({ version: agentVersion, reinstall, offline });
  return new Telling<InstalledAgent>({
    work: async (tell) =>
      installedOf(
        await kernel.agents.install(agent, {
          ...options,
          onProgress: (progress) => tell({ type: "install.progress", ...progress } satisfies InstallLine),
        }),
      ),
    done: (answer) => ({ type: "install.done", ...answer }) satisfies InstallLine,
    failed: (error) => failed(error, surprised),
  });
}

export const agentsHandlers = (need: HandlersNeed): Handlers<typeof agents> => ({
  listAgents: async ({ query }) => ({
    agents: [...(await need.kernel.agents.list(present({ config: query.config })))],
  }),
  readAgent: async ({ params, query }) => need.kernel.agents.find(params.agent, present({ config: query.config })),
  installAgent: async ({ params, body }) => {
    // Refused before the first byte of a stream, where it can still be a status.
    await need.kernel.agents.find(params.agent);
    return installing(need, params.agent, body);
  },
  uninstallAgent: async ({ params }) => {
    await need.kernel.agents.uninstall(params.agent);
    return undefined;
  },
});
