/** Chooses the rule of a story that a request is answered by. */
import { isFound } from "../pattern.ts";
import type { Prompt } from "../prompt.ts";
import type { ModelRequest } from "../request.ts";
import type { Condition, Rule, Step, Story } from "./story-shape.ts";

export interface Asked {
  readonly request: ModelRequest;
  readonly prompt: Prompt;
}

export interface Chooser {
  /** The steps of the first rule that fits; absent when none does. */
  choose(asked: Asked): readonly Step[] | undefined;
}

const meets = ({ prompt, model, tool, dialect, purpose }: Condition, asked: Asked): boolean =>
  purpose === asked.prompt.purpose &&
  (prompt === undefined || isFound(prompt, asked.prompt.text)) &&
  (model === undefined || isFound(model, asked.request.model)) &&
  (tool === undefined || asked.request.tools.some(({ name }) => name === tool || isSearched(tool, name))) &&
  (dialect === undefined || dialect === asked.request.dialect);

/** A tool is named whole; only a regular expression finds a part of its name. */
const isSearched = (tool: string, name: string): boolean => tool.startsWith("/") && isFound(tool, name);

export function createChooser({ rules }: Story): Chooser {
  const counts = new Map<Rule, number>();
  /** A request that brings tool results goes on with what was counted before. */
  const counted = (rule: Rule, { toolResults }: Prompt): number => {
    const before = counts.get(rule) ?? 0;
    const now = toolResults > 0 && before > 0 ? before : before + 1;
    counts.set(rule, now);
    return now;
  };
  return {
    choose(asked) {
      // Every rule counts, also behind the one that is chosen: "first fail, then answer" is two rules for one prompt.
      const fitting = rules.filter(({ when }) => meets(when, asked));
      const turns = fitting.map((rule) => ({ rule, at: counted(rule, asked.prompt) }));
      return turns.find(({ rule, at }) => rule.when.nth?.includes(at) ?? true)?.rule.steps;
    },
  };
}
