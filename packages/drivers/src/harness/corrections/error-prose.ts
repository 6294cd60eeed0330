/** An error of the model that is told as if it were an answer is left out: the turn that fails says it, for programs to read. */
import type { Corrections } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";

/** What the harness says itself has an id of its own making; what the model says has the model's. */
const ownId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const isOwn = ({ sessionUpdate, messageId }: SessionUpdate): boolean =>
  sessionUpdate === "agent_message_chunk" && typeof messageId === "string" && ownId.test(messageId);

const isSaid = ({ sessionUpdate }: SessionUpdate): boolean =>
  sessionUpdate.startsWith("agent_") || sessionUpdate.startsWith("tool_call");

/** What the harness says itself waits for what comes next: told when the talk goes on or ends well, left out when the prompt fails. */
export function errorProse(): Required<Corrections> {
  let held: readonly SessionUpdate[] = [];
  let endedWell = false;
  const release = (): readonly SessionUpdate[] => {
    const released = held;
    held = [];
    return released;
  };
  return {
    prompt() {
      held = [];
      endedWell = false;
    },
    update(said) {
      if (isOwn(said)) {
        held = [...held, said];
        return [];
      }
      return isSaid(said) ? [...release(), said] : [said];
    },
    result(result) {
      endedWell = true;
      return result;
    },
    rest: () => (endedWell ? release() : []),
  };
}
