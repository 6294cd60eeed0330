/** What all connections over a pair of pipes share: how a harness is heard, and how its end ends whatever waits for it. */
import { Fault, type SessionUpdate } from "@corral/protocol";
import type { Host } from "../ports/harness.ts";
import type { Child, Exit } from "../process/process.ts";
import type { Peer } from "./peer.ts";

/** Told at once and in order; whichever of them asks to wait is waited for. */
export function tellAll(host: Host, updates: readonly SessionUpdate[]): Promise<void> | undefined {
  const waits = updates.flatMap((update) => host.update(update) ?? []);
  return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
}

/** One that lives on without its pipes can neither be asked nor answer: it is ended like one that hangs. */
async function endIfBroken(child: Child, peer: Peer): Promise<void> {
  await peer.broken;
  try {
    await child.close();
  } catch {
    // There is one closing only, and whoever closes the connection is told how it went.
  }
}

export interface Death {
  readonly exit: Exit;
  /** What everybody is told who waited for it. */
  readonly reason: Fault;
}

/** A harness that dies fails what waits for it at once, after the last thing it said was read. */
export async function watchLife(child: Child, peer: Peer): Promise<Death> {
  void endIfBroken(child, peer);
  const exit = await child.exited;
  await peer.drained;
  const reason = crashed(child.name, exit);
  peer.close(reason);
  return { exit, reason };
}

export function crashed(name: string, exit: Exit): Fault {
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code ?? "unknown"}`;
  const last = exit.stderr.tail.at(-1);
  return new Fault("harness.crashed", {
    detail: `The harness ${name} ${how}.${last ? ` Its last words: ${last}` : ""}`,
    help: "Prompt again: the session goes on with a fresh harness.",
    more: {
      ...(exit.code === undefined ? {} : { exitCode: exit.code }),
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      stderr: exit.stderr,
    },
  });
}
