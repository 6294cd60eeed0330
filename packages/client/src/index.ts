/** The SDK: any coding agent behind one API, from a browser, Node or the edge. */
export type {
  AgentRecord,
  Answer,
  Ask,
  ContentBlock,
  EventType,
  FaultCode,
  InstalledAgent,
  InstallProgressLine,
  Item,
  OperationName,
  Part,
  ResidueRecord,
  RunRow,
  Session as SessionState,
  SessionEvent,
  SessionId,
  StreamResync,
  Turn,
  TurnId,
} from "@corral/protocol";
export { allows, chunkText, Fault, fold, isClean, isFault } from "@corral/protocol";
export type { CallFunction, CallOf, CallOptions } from "./call.ts";
export { type ConnectOptions, type Corral, connect, type SessionList } from "./connect.ts";
export type { FollowOptions } from "./follow.ts";
export type { InstallOptions } from "./install.ts";
export type { OnState, Prompt, Session } from "./session.ts";
export type { Sleep } from "./sleep.ts";
export type { AnswerWords, PromptOptions, TurnRun } from "./turn-run.ts";
