/** What can be seen of a stage's programs from outside, in the table of processes. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export const hasProcessTable: boolean = existsSync("/proc/self/environ");

/** The processes that have the path of a directory in their environment or their arguments, with what they were called by. */
export function processesAbout(root: string): readonly string[] {
  const listed = hasProcessTable ? readdirSync("/proc") : [];
  const others = listed.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return others.flatMap((pid) => {
    try {
      const [environ, command] = ["environ", "cmdline"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return environ?.includes(root) || command?.includes(root) ? [`${pid} ${command?.replaceAll("\0", " ")}`] : [];
    } catch {
      return []; // It ended while it was looked at.
    }
  });
}
