/** Pi asks nobody before it uses a tool. This extension of it does, through the dialogs that Pi hands on to its host. */
import { type Frame, isFrame, type Question, type Reply } from "@corral/kernel";
import { toolView } from "./tools.ts";

/** By this name the dialogs of the gate are told from those of other extensions. */
export const gateName = "corral-gate";

/** What only looks is not asked about. The rest is: also tools that nobody here has heard of. */
export const gateSource = `export default (pi) => {
  const harmless = ["read", "grep", "find", "ls"];
  pi.on("session_start", (_event, context) => context.ui.setStatus("${gateName}", "ready"));
  pi.on("tool_call", async ({ toolCallId, toolName, input }, context) => {
    if (harmless.includes(toolName)) return undefined;
    const call = JSON.stringify({ toolCallId, toolName, input });
    const allowed = await context.ui.confirm("${gateName}", call);
    return allowed ? undefined : { block: true, reason: "The person did not allow this." };
  });
};
`;

const once = { optionId: "once", name: "Allow", kind: "allow_once" };
const always = { optionId: "always", name: "Allow for this session", kind: "allow_always" };
const reject = { optionId: "reject", name: "Reject", kind: "reject_once" };

export interface GateCall {
  readonly tool: string;
  readonly question: Question;
}

/** Undefined for the dialogs of other extensions. */
export function gateCall({ method, title, message }: Frame): GateCall | undefined {
  if (method !== "confirm" || title !== gateName || typeof message !== "string") return undefined;
  const call: unknown = JSON.parse(message);
  const { toolCallId, toolName, input } = isFrame(call) ? call : {};
  const tool = String(toolName);
  const view = toolView(tool, input);
  const toolCall = { toolCallId: String(toolCallId), status: "pending", ...view };
  return { tool, question: { kind: "permission", title: view.title, toolCall, options: [once, always, reject] } };
}

/** Whether the tool may be used: not, this once, or from now on. */
export function granted(reply: Reply): "no" | "once" | "always" {
  if (reply.outcome !== "selected") return "no";
  const { optionId } = reply.option;
  return optionId === "always" || optionId === "once" ? optionId : "no";
}
