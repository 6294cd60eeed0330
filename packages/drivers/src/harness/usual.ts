/** What the coding agents here have in common; each driver says in what its own differs, and its card is held against the sum. */
import type { AgentCapabilities } from "@corral/protocol";

export const usualCapabilities: AgentCapabilities = {
  commandExecution: true,
  errorEvents: true,
  fileAttachments: true,
  fileChanges: true,
  images: true,
  itemStarted: true,
  mcpTools: true,
  permissions: true,
  planMode: true,
  questions: true,
  reasoning: true,
  sessionLifecycle: true,
  sharedProcess: false,
  status: true,
  streamingDeltas: true,
  textMessages: true,
  toolCalls: true,
  toolResults: true,
};
