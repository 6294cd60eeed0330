/** Answers for the table of the daemon itself. */
import { apiVersion, type health } from "@corral/protocol";
import type { Handlers, HandlersNeed } from "./handler.ts";

export const healthHandlers = ({ kernel, version }: HandlersNeed): Handlers<typeof health> => ({
  readHealth: async () => ({ status: "ok", version, startedAt: kernel.startedAt, protocol: apiVersion }),
  listRuns: async () => ({ items: [...(await kernel.runs())] }),
});
