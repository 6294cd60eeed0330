/** The port of harnesses: how a session reaches a coding agent. What a harness can do is said by which methods are there. */
import type {
  AgentCapabilities,
  AskOption,
  ContentBlock,
  RunId,
  SessionId,
  SessionUpdate,
  Usage,
} from "@corral/protocol";
import type { z } from "zod";
import type { Exit, Processes } from "../process/process.ts";
import type { Servers } from "../process/servers.ts";
import type { Clock } from "./clock.ts";
import type { Login } from "./login.ts";

export type How = "new" | "load" | "resume" | "replay" | "fork";

/** A question as the harness put it. */
export interface Question {
  readonly kind: "permission" | "elicitation";
  readonly title: string;
  readonly toolCall?: Readonly<Record<string, unknown>>;
  readonly options: readonly AskOption[];
  readonly schema?: Readonly<Record<string, unknown>>;
}

/** What the harness is told; an option is always one that it offered. */
export type Reply =
  | { readonly outcome: "selected"; readonly option: AskOption }
  | { readonly outcome: "accepted"; readonly content: Readonly<Record<string, unknown>> }
  | { readonly outcome: "declined" }
  | { readonly outcome: "cancelled" };

export interface Notice {
  readonly kind: "stray_output" | "oversized_frame" | "unexpected_frame" | "unknown_method";
  readonly text: string;
}

/** What the session does for its harness. */
export interface Host {
  /** Something was said. A promise in return asks the harness to wait: the log is behind. */
  update(update: SessionUpdate): Promise<void> | undefined;
  /** Resolves always: with an answer, or as cancelled when its turn ends or the signal is aborted. */
  ask(question: Question, options: { readonly signal: AbortSignal }): Promise<Reply>;
  notice(notice: Notice): void;
}

export interface Settings {
  readonly model?: string;
  readonly mode?: string;
}

/** Which npm packages a harness is made of, as data: read by the installer, by audits and by documents. */
export interface Install {
  /** Exact versions. The first package is the harness; its version is the one that people see and may choose. */
  readonly packages: Readonly<Record<string, string>>;
  /**
   * Programs and JavaScript entries by a name of the driver's choosing: paths inside `node_modules`, one for all platforms or
   * one for each `platform-arch` (`linux-x64`, `linux-x64-musl`). Install scripts never run, so a program that a script would
   * put in place is named where its platform package keeps it.
   */
  readonly bins: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  /** `vendor`: comes from its maker's package to the user's machine, and is never redistributed. */
  readonly licence: "open" | "vendor";
  /** The oldest Node that runs it, such as `22.19.0`. */
  readonly minNode?: string;
}

/** What is installed of one harness, ready to be launched. */
export interface Programs {
  /** A Node that runs the JavaScript entries. */
  readonly node: string;
  readonly version?: string;
  /** The absolute path of a program that `install.bins` names. */
  bin(name: string): string;
}

export interface ConnectNeed {
  readonly session: SessionId;
  readonly run: RunId;
  readonly host: Host;
  /** An existing directory; file requests of the harness are served inside it and nowhere else. */
  readonly cwd: string;
  /** A private directory that lives as long as the session, for whatever the harness wants to keep. */
  readonly stateDir: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly mcpServers: readonly Readonly<Record<string, unknown>>[];
  readonly settings: Settings;
  /** A conversation to go on with, or to branch from; absent starts a new one. */
  readonly restore?: { readonly native: string; readonly fork?: boolean };
  readonly programs: Programs;
  readonly processes: Processes;
  /** Programs that serve many sessions; absent where a session is on its own, as in the law of harnesses. */
  readonly servers?: Servers;
  readonly clock: Clock;
  /** The variables that every child may have, such as PATH and LANG; nothing else of the daemon's environment. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Started {
  /** `replay`: it remembers nothing, so its first prompt must tell it what was said. */
  readonly how: How;
  /** What the harness calls the session. */
  readonly native: string;
  readonly pid?: number;
  readonly name?: string;
  readonly version?: string;
  readonly configOptions?: readonly Readonly<Record<string, unknown>>[];
  readonly modes?: Readonly<Record<string, unknown>>;
}

export interface PromptResult {
  readonly stopReason: string;
  readonly usage?: Usage;
}

/** One live harness, attached to one session. */
export interface Connection {
  readonly started: Started;
  /** Rejects with a `Fault`: `harness.refused` when the harness answers with an error, `harness.crashed` when it dies. */
  prompt(prompt: readonly ContentBlock[]): Promise<PromptResult>;
  /** Asks for the running prompt to end; the prompt itself tells whether it did. */
  cancel(): void;
  readonly steer?: (prompt: readonly ContentBlock[]) => Promise<void>;
  readonly configure?: (settings: Settings) => Promise<void>;
  /** Whether it can branch a conversation natively, and whether it takes pictures. */
  readonly forks: boolean;
  readonly images: boolean;
  /** Resolves once, when the process behind it is gone. */
  readonly exited: Promise<Exit>;
  /** Ends it and everything it started, within a bound. Idempotent. `force` spares the polite steps. */
  close(options?: { readonly force?: boolean }): Promise<Exit>;
}

export interface Harness {
  /** What users write to choose it; lower case, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** The names of the secrets that a session may hand to it; no others reach it. */
  readonly secrets: readonly string[];
  readonly capabilities: AgentCapabilities;
  /** The schema of the options that are its own; a harness without options takes none. */
  readonly options?: z.ZodType<Readonly<Record<string, unknown>>>;
  readonly configOptions?: readonly Readonly<Record<string, unknown>>[];
  /** What has to be on the disk before it can be launched; absent means that it is part of Corral. */
  readonly install?: Install;
  /** Where its user may already be logged in. */
  readonly logins?: readonly Login[];
  /** It works without any key. */
  readonly keyless?: boolean;
  /** Which of the cases that are common to all harnesses it does not pass, by name, and for what reason. */
  readonly cannot?: Readonly<Record<string, string>>;
  connect(need: ConnectNeed): Promise<Connection>;
}
