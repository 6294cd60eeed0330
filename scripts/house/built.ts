/** Builds the executable once for all tests that start it: what is tested is what ships, and it starts in a fifth of the time. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundle } from "../build/bundle.ts";
import { root } from "./source.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The path of the built executable. */
    readonly corral: string;
    /** Where what it compiles may be kept from one start to the next. */
    readonly compiled: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "corral-built-"));
  await bundle({ root, folder });
  project.provide("corral", join(folder, "corral.js"));
  return async () => {
    for (const made of [folder, project.getProvidedContext().compiled]) {
      await rm(made, { recursive: true, force: true, maxRetries: 5 });
    }
  };
}
