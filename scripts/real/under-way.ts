/** Keeps a list of the cases that are under way, for whoever has to end a run that takes too long. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";

export interface UnderWay extends Reporter {
  onTestModuleStart(module: Pick<TestModule, "relativeModuleId">): void;
  onTestModuleEnd(module: Pick<TestModule, "relativeModuleId">): void;
  onTestCaseReady(one: Pick<TestCase, "name"> & { readonly module: Pick<TestModule, "relativeModuleId"> }): void;
  onTestCaseResult(one: Pick<TestCase, "name"> & { readonly module: Pick<TestModule, "relativeModuleId"> }): void;
}

/** It is written with each change: whoever is ended at once has no time left for it. */
export function keepUnderWay(path: string): UnderWay {
  const files = new Map<string, Set<string>>();
  const write = () => {
    const lines = [...files].map(([file, cases]) => [file, [...cases].join(", ")].filter(Boolean).join(": "));
    writeFileSync(path, lines.join("\n"));
  };
  /** Of a title its name: what stands before the sentence. */
  const nameOf = (title: string): string => title.split(":")[0] ?? title;
  return {
    onTestModuleStart({ relativeModuleId }) {
      files.set(relativeModuleId, new Set());
      write();
    },
    onTestModuleEnd({ relativeModuleId }) {
      files.delete(relativeModuleId);
      write();
    },
    onTestCaseReady({ name, module: { relativeModuleId } }) {
      files.get(relativeModuleId)?.add(nameOf(name));
      write();
    },
    onTestCaseResult({ name, module: { relativeModuleId } }) {
      files.get(relativeModuleId)?.delete(nameOf(name));
      write();
    },
  };
}

export const readUnderWay = (path: string): readonly string[] =>
  existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
