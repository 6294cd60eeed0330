/** What one of the common cases is: a sentence that holds for every harness, or for which there is a reason why it does not. */

import type { CustomAgent } from "@corral/drivers";
import type { How } from "@corral/kernel";
import type { Call, DialectId } from "@corral/model";
import type { AgentCapabilities } from "@corral/protocol";
import type { Stage } from "./stage.ts";

export interface Case {
  /** By which a driver says that it cannot. */
  readonly name: string;
  /** What is true, as a sentence. */
  readonly says: string;
  readonly rows?: readonly string[];
  /** Left out where the driver's card does not have it. */
  readonly needs?: keyof AgentCapabilities;
  /** Left out where the program does not offer it. */
  readonly claims?: Claim;
  /** Is all about what the model was asked, so that nothing is seen of it where none is. */
  readonly asksModel?: boolean;
  /** Holds whatever the program answers; all others need one that does as the words of the prompts say. */
  readonly anyWords?: boolean;
  /** Is about speaking more than one dialect, so that there is nothing to try where one is all that it says it speaks. */
  readonly manyDialects?: boolean;
  /** Looks at the programs that run, so that nothing is seen of it where there is no table of them. */
  readonly looksAtProcesses?: boolean;
  /** Only for harnesses that have a driver, or only for programs of which nothing is known but their command. */
  readonly only?: "driver" | "command";
  /** How the program's description differs for this case. */
  readonly agent?: Partial<CustomAgent>;
  readonly run: (stage: Stage) => Promise<void>;
}

/** What a program says in its `initialize` that it offers. */
export type Claim = "load" | "resume" | "fork" | "close" | "image";

/** A value that the program is set to, and another that it offers. */
export interface Choice {
  readonly current: string;
  readonly other: string;
}

/** What was found out of a program that nobody has described. */
export interface Found {
  readonly name?: string;
  readonly version?: string;
  readonly claims: readonly Claim[];
  /** It asks the scripted model. */
  readonly asksModel: boolean;
  /** It answers as the words of the prompts say, by its model or by itself. */
  readonly understands: boolean;
  readonly model?: Choice;
  readonly mode?: Choice;
}

/** How a harness is spoken to, where that is its own. All but the dialect has a default that fits most. */
export interface Ways {
  readonly dialect: DialectId;
  /** Others that it says it speaks. */
  readonly alsoSpeaks?: readonly DialectId[];
  /** More of the options that its sessions are opened with. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Its own options instead of those that real harnesses share, told where the model is. */
  readonly optionsAt?: (modelUrl: string) => Readonly<Record<string, unknown>>;
  /** The names of two models, as the model server hears them; `stub-model` and `other-model` unless said otherwise. */
  readonly models?: readonly [string, string];
  /** Another mode than the one it begins with, and how a request of that mode differs. */
  readonly mode?: { readonly to: string; readonly shows: (before: Call, after: Call) => boolean };
  /** The tool of the MCP server, as the model is told of it; found by the word `remember` unless said otherwise. */
  readonly mcpTool?: string;
  /** Where one harness is driven in several ways: what a summary calls this one; the harness's id unless said otherwise. */
  readonly called?: string;
  /** For programs without a driver: what it does not do it cannot, for nobody has promised it. */
  readonly found?: Found;
}

/** How another process makes the same harness. */
export type Recipe = { readonly id: string } | { readonly agent: CustomAgent };

/** What is worth telling of a harness beside whether it passed. */
export interface Observed {
  /** How it was brought back after it had left. */
  resume?: How;
  fork?: How;
  cancelTextMs?: number;
  cancelToolMs?: number;
  permissionKinds?: readonly string[];
  modes?: readonly string[];
  noise?: Noise;
}

export interface Noise {
  /** Lines on stdout that were no frames. */
  readonly strayLines: number;
  readonly stderrLines: number;
  /** Of the lines that are kept: the first and the last ones. */
  readonly stderrBytes: number;
}

/** Why a case is neither passed nor failed. */
export class Aside extends Error {
  readonly verdict: "cannot" | "unseen";

  constructor(verdict: "cannot" | "unseen", why: string) {
    super(why);
    this.verdict = verdict;
  }
}
