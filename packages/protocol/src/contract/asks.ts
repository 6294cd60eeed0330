/** The table of asks: what harnesses want to know from a person. */
import { z } from "zod";
import { answerSchema, askSchema } from "../ask.ts";
import { idSchema } from "../ids.ts";
import { sessionSchema } from "../session.ts";
import { operation } from "./operation.ts";
import { sessionParams } from "./shared.ts";

export const asks = {
  listAsks: operation({
    method: "GET",
    path: "/v1/sessions/{session}/asks",
    tag: "asks",
    summary: "Lists the asks that wait for an answer.",
    params: sessionParams,
    status: 200,
    answer: z.object({ items: z.array(askSchema) }),
    faults: ["session.missing"],
  }),
  answerAsk: operation({
    method: "POST",
    path: "/v1/sessions/{session}/asks/{ask}/answer",
    tag: "asks",
    summary: "Answers an ask. The answer to the ask of a paused turn starts a new turn.",
    params: sessionParams.extend({ ask: idSchema("ask") }),
    body: answerSchema,
    idempotent: true,
    status: 200,
    answer: sessionSchema,
    faults: ["session.missing", "ask.missing", "ask.settled", "ask.answer"],
  }),
} as const;
