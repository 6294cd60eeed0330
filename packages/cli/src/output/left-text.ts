/** What runs have left behind, in one line. */
import type { ResidueRecord } from "@corral/protocol";
import { oneLine } from "./harmless.ts";

const counted = ([one, many]: readonly [string, string], which: readonly string[]): readonly string[] =>
  which.length === 0 ? [] : [`${which.length} ${which.length === 1 ? one : many} (${oneLine(which.join(", "), 200)})`];

/** `1 process (sleep 4711), 2 directories (…)`. */
export function leftText(left: readonly Omit<ResidueRecord, "run">[]): string {
  const processes = left.flatMap((one) => one.processes.map(({ command, pid }) => `${command} ${pid}`));
  const ports = left.flatMap((one) => one.ports.map(({ port }) => String(port)));
  const sockets = left.flatMap((one) => one.sockets.map(({ path }) => path));
  const directories = left.flatMap((one) => one.directories);
  return [
    ...counted(["process", "processes"], processes),
    ...counted(["port", "ports"], ports),
    ...counted(["socket", "sockets"], sockets),
    ...counted(["directory", "directories"], directories),
  ].join(", ");
}
