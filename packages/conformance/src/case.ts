/** What one of the common cases is: a sentence that holds for every real harness, or that its driver says why it cannot keep. */

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
  readonly run: (stage: Stage) => Promise<void>;
}

/** How a harness is spoken to, where that is its own. All but the dialect has a default that fits most. */
export interface Ways {
  /** Where one harness is driven in several ways: what a summary calls this one; the harness's id unless said otherwise. */
  readonly called?: string;
  readonly dialect: DialectId;
  /** Others that it says it speaks. */
  readonly alsoSpeaks?: readonly DialectId[];
  /** More of the options that its sessions are opened with. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** The names of two models, as the model server hears them; `stub-model` and `other-model` unless said otherwise. */
  readonly models?: readonly [string, string];
  /** Another mode than the one it begins with, and how a request of that mode differs. */
  readonly mode?: { readonly to: string; readonly shows: (before: Call, after: Call) => boolean };
  /** The tool of the MCP server, as the model is told of it; found by the word `remember` unless said otherwise. */
  readonly mcpTool?: string;
}
