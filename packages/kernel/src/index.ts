/** The runtime: logs, sessions, turns, asks, processes, and the ports that drivers fill. */

export type { Corrections, CorrectionsNeed } from "./acp/corrections.ts";
export { type AcpHarness, acpHarness } from "./acp/harness.ts";
export { crashed, tellAll, watchLife } from "./acp/life.ts";
export { createLines } from "./acp/lines.ts";
export { createPeer, maxFrameBytes, type Peer } from "./acp/peer.ts";
export { type Frame, frame, frames, isFrame, RpcError, type Serve } from "./acp/rpc.ts";
export { refusal, settingCalls } from "./acp/translate.ts";
export * from "./agents/credentials.ts";
export type { InstallProgress } from "./agents/fetch-packages.ts";
export type { Artifact, Installable, Platform } from "./agents/install-plan.ts";
export {
  createInstaller,
  type Installed,
  type Installer,
  type InstallerNeed,
  type InstallOptions,
} from "./agents/installer.ts";
export { isForNpm } from "./agents/npm.ts";
export type { WritePrivate } from "./agents/private-file.ts";
export {
  type Launch,
  type LaunchNeed,
  type Opening,
  opened,
  type Program,
  programHarness,
  type SpeakingProgram,
} from "./agents/program.ts";
export * from "./kernel.ts";
export * from "./log/chunk.ts";
export * from "./ports/clock.reference.ts";
export * from "./ports/clock.system.ts";
export * from "./ports/clock.ts";
export * from "./ports/harness.ts";
export * from "./ports/login.ts";
export * from "./ports/store.reference.ts";
export * from "./ports/store.ts";
export { ownershipMeans } from "./process/cgroup.ts";
export * from "./process/process.ts";
export { createProcesses, findLeftovers, ownerOf, type ProcessesNeed } from "./process/processes.ts";
export type { Server, ServerLaunch, ServerLimits, ServerPlace, ServerPlan } from "./process/server.ts";
export { createServers, type Lease, type Servers, type ServersNeed } from "./process/servers.ts";
export { defaultLimits, type Limits } from "./session/limits.ts";
export { openWorkspace } from "./workspace/workspace.ts";
