/** What is told of processes: how a harness ended, what a run left behind, which runs are alive. */
import { z } from "zod";
import { idSchema } from "./ids.ts";

export const stderrTailSchema = z.object({
  head: z.array(z.string()).readonly(),
  tail: z.array(z.string()).readonly(),
  totalLines: z.int(),
  truncated: z.boolean(),
});

export const residueSchema = z
  .object({
    run: idSchema("run"),
    processes: z.array(z.object({ pid: z.int(), command: z.string() })).readonly(),
    ports: z.array(z.object({ pid: z.int(), port: z.int() })).readonly(),
    sockets: z.array(z.object({ pid: z.int(), path: z.string() })).readonly(),
    directories: z.array(z.string()).readonly(),
  })
  .meta({ id: "Residue", description: "What a run left behind. All empty is the only good answer." });
export type ResidueRecord = Readonly<z.infer<typeof residueSchema>>;

export const isClean = ({ processes, ports, sockets, directories }: ResidueRecord): boolean =>
  processes.length + ports.length + sockets.length + directories.length === 0;

export const runSchema = z
  .object({
    run: idSchema("run"),
    session: idSchema("session"),
    agent: z.string(),
    pid: z.int(),
    startedAt: z.iso.datetime(),
    residentBytes: z.int(),
  })
  .meta({ id: "Run", description: "A harness process that is alive, and whose it is." });
export type RunRow = Readonly<z.infer<typeof runSchema>>;
