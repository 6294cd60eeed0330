/** The registry of harnesses: one line each. */
import type { Harness } from "@corral/kernel";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { gemini } from "./gemini.ts";
import { opencode } from "./opencode.ts";
import { pi } from "./pi.ts";
import { scripted } from "./scripted.ts";

export const harnesses: readonly Harness[] = [scripted, opencode, codex, claude, gemini, pi];
