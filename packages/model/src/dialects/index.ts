/** The dialects that the model server speaks; each is one file and one line here. */
import type { DialectId } from "../request.ts";
import { chat } from "./chat.ts";
import type { Dialect } from "./dialect.ts";
import { gemini } from "./gemini.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";

export const dialects: Readonly<Record<DialectId, Dialect>> = { chat, responses, messages, gemini };
