/** Answers for the table of asks. */
import type { asks } from "@corral/protocol";
import type { Handlers, HandlersNeed } from "./handler.ts";

export const asksHandlers = ({ kernel }: HandlersNeed): Handlers<typeof asks> => ({
  listAsks: async ({ params }) => ({ items: [...(await kernel.sessions.find(params.session)).asks()] }),
  answerAsk: async ({ params, body, keyed }) =>
    (await kernel.sessions.find(params.session)).answer(params.ask, body, keyed),
});
