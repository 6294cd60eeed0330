/** The questions of Codex in the house's words, and the house's replies in those of Codex: one line for each kind of question. */

import { type Frame, frame, frames, isFrame, type Question, type Reply } from "@corral/kernel";
import type { AskOption } from "@corral/protocol";
import { text } from "../reading.ts";
import { commandTitle, toolView } from "./tools.ts";

export interface Asking {
  readonly question: Question;
  readonly answer: (reply: Reply) => unknown;
}

/** What the question is about, as it was told when it began. */
export type ItemOf = (id: string) => Frame | undefined;

interface Choice {
  readonly option: AskOption;
  /** What Codex is told when it is chosen. */
  readonly means: unknown;
}

const choice = (optionId: string, name: string, kind: string, means: unknown): Choice => ({
  option: { optionId, name, kind },
  means,
});

/** When nobody chose, Codex is told to stop: it was offered no other way to go on. */
const chosen =
  (choices: readonly Choice[], otherwise: unknown) =>
  (reply: Reply): unknown => {
    if (reply.outcome !== "selected") return otherwise;
    return choices.find(({ option }) => option.optionId === reply.option.optionId)?.means ?? otherwise;
  };

interface Permission {
  readonly id: unknown;
  readonly view: Frame & { readonly title: string };
  readonly reason?: unknown;
  readonly choices: readonly Choice[];
  readonly otherwise: unknown;
}

function permission({ id, view, reason, choices, otherwise }: Permission): Asking {
  const why = text(reason) === "" ? {} : { _meta: { reason } };
  const toolCall = { toolCallId: text(id), status: "pending", ...view, ...why };
  const question = {
    kind: "permission" as const,
    title: view.title,
    toolCall,
    options: choices.map((one) => one.option),
  };
  return { question, answer: chosen(choices, otherwise) };
}

const decision = (means: unknown): Frame => ({ decision: means });

/** A denied tool is told to the model, which goes on; Codex offers people only to stop the turn, and takes both. */
const denials: readonly Choice[] = [
  choice("decline", "Reject", "reject_once", decision("decline")),
  choice("cancel", "Reject and stop", "reject_once", decision("cancel")),
];

/** The grants that outlast the question, as far as they are offered. */
const lasting: Readonly<Record<string, string>> = {
  acceptForSession: "Allow for this session",
  acceptWithExecpolicyAmendment: "Allow this and what begins like it",
  applyNetworkPolicyAmendment: "Allow this host from now on",
};

function lastingChoices(available: unknown): readonly Choice[] {
  return (Array.isArray(available) ? available : []).flatMap((means: unknown) => {
    const [name = ""] = isFrame(means) ? Object.keys(means) : [text(means)];
    const said = lasting[name];
    return said === undefined ? [] : [choice(name, said, "allow_always", decision(means))];
  });
}

const once = choice("accept", "Allow", "allow_once", decision("accept"));

const command = (params: Frame): Asking => {
  const { itemId, command: whole, cwd, reason, networkApprovalContext } = params;
  const title = networkApprovalContext ? text(reason) || "Use the network" : commandTitle(params);
  return permission({
    id: itemId,
    view: { title, kind: "execute", rawInput: { command: whole, cwd } },
    reason,
    choices: [once, ...lastingChoices(params.availableDecisions), ...denials],
    otherwise: decision("cancel"),
  });
};

const fileChange = ({ itemId, reason, grantRoot }: Frame, itemOf: ItemOf): Asking =>
  permission({
    id: itemId,
    view: {
      ...toolView(itemOf(text(itemId)) ?? { type: "fileChange", changes: [] }),
      ...(grantRoot ? { rawInput: { grantRoot } } : {}),
    },
    reason,
    choices: [once, ...lastingChoices(["acceptForSession"]), ...denials],
    otherwise: decision("cancel"),
  });

const granted = (permissions: unknown, scope: "turn" | "session"): Frame => ({
  permissions: frame(permissions),
  scope,
});

const permissions = ({ itemId, reason, permissions: wanted, cwd }: Frame): Asking =>
  permission({
    id: itemId,
    view: { title: text(reason) || "More permissions", kind: "other", rawInput: { permissions: wanted, cwd } },
    reason,
    choices: [
      choice("turn", "Allow for this turn", "allow_once", granted(wanted, "turn")),
      choice("session", "Allow for this session", "allow_always", granted(wanted, "session")),
      choice("none", "Reject", "reject_once", granted({}, "turn")),
    ],
    otherwise: granted({}, "turn"),
  });

const action = (name: string, more: Frame = {}): Frame => ({ action: name, content: null, _meta: null, ...more });

/** Codex asks before it uses the tool of an MCP server by the words in which the server itself would ask. */
function mcpTool({ turnId, serverName, message, _meta }: Frame): Asking {
  const { tool_name: tool, tool_params: given, persist } = frame(_meta);
  const lasts = Array.isArray(persist) && persist.includes("session");
  const session = action("accept", { _meta: { persist: "session" } });
  return permission({
    id: `${text(turnId)}-${text(serverName)}-${text(tool)}`,
    view: { title: `${text(serverName)}.${text(tool)}`, kind: "other", rawInput: given },
    reason: message,
    choices: [
      choice("accept", "Allow", "allow_once", action("accept")),
      ...(lasts ? [choice("session", "Allow for this session", "allow_always", session)] : []),
      choice("decline", "Reject", "reject_once", action("decline")),
    ],
    otherwise: action("cancel"),
  });
}

function elicitation(params: Frame): Asking {
  const { message, requestedSchema, url, serverName } = params;
  if (frame(params._meta).codex_approval_kind === "mcp_tool_call") return mcpTool(params);
  const said = text(message) || `The MCP server ${text(serverName)} has a question.`;
  const schema = isFrame(requestedSchema) ? { schema: requestedSchema } : {};
  return {
    question: { kind: "elicitation", title: text(url) ? `${said} (${text(url)})` : said, options: [], ...schema },
    answer: (reply) => {
      if (reply.outcome === "accepted") return action("accept", { content: reply.content });
      return action(reply.outcome === "declined" ? "decline" : "cancel");
    },
  };
}

/** One question of several: with a list to choose from, unless anything may be said. */
function questionSchema({ header, question, options, isOther }: Frame): Frame {
  const labels = frames(options).map(({ label }) => text(label));
  const closed = labels.length > 0 && isOther !== true;
  return { type: "string", title: text(header), description: text(question), ...(closed ? { enum: labels } : {}) };
}

function userInput({ questions }: Frame): Asking {
  const all = frames(questions);
  const ids = all.map(({ id }) => text(id));
  const properties = Object.fromEntries(all.map((one) => [text(one.id), questionSchema(one)]));
  return {
    question: {
      kind: "elicitation",
      title: all.map(({ question }) => text(question)).join(" ") || "The agent has a question.",
      options: [],
      schema: { type: "object", properties, required: ids },
    },
    answer: (reply) => {
      const content = reply.outcome === "accepted" ? reply.content : {};
      const given = ids.filter((id) => content[id] !== undefined);
      return { answers: Object.fromEntries(given.map((id) => [id, { answers: [String(content[id])] }])) };
    },
  };
}

export const asks: Readonly<Record<string, (params: Frame, itemOf: ItemOf) => Asking>> = {
  "item/commandExecution/requestApproval": command,
  "item/fileChange/requestApproval": fileChange,
  "item/permissions/requestApproval": permissions,
  "mcpServer/elicitation/request": elicitation,
  "item/tool/requestUserInput": userInput,
};
