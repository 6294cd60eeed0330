/** Every handler, by the name of its operation. */
import type { Contract } from "@corral/protocol";
import { agentsHandlers } from "./agents.ts";
import { asksHandlers } from "./asks.ts";
import type { Handlers, HandlersNeed } from "./handler.ts";
import { healthHandlers } from "./health.ts";
import { sessionsHandlers } from "./sessions.ts";

export const allHandlers = (need: HandlersNeed): Handlers<Contract> => ({
  ...healthHandlers(need),
  ...agentsHandlers(need),
  ...sessionsHandlers(need),
  ...asksHandlers(need),
});
