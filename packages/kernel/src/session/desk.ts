/** What the parts of one session share: its log and state, its harness, its limits, and how events come into being. */
import {
  type Draft,
  eventId,
  fold,
  type Id,
  type IdKind,
  makeId,
  type ResidueRecord,
  type Session,
  type SessionEvent,
  type SessionId,
} from "@corral/protocol";
import type { Installer } from "../agents/installer.ts";
import { Log } from "../log/log.ts";
import { View } from "../log/view.ts";
import { type Clock, isoTime } from "../ports/clock.ts";
import type { Harness } from "../ports/harness.ts";
import type { Store } from "../ports/store.ts";
import type { Processes } from "../process/process.ts";
import type { Servers } from "../process/servers.ts";
import { redact } from "../secrets/redact.ts";
import type { Limits } from "./limits.ts";

/** What all sessions share. */
export interface House {
  readonly store: Store;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly installer: Installer;
  readonly servers: Servers;
  readonly limits: Limits;
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly stateDir: string;
  readonly harnesses: ReadonlyMap<string, Harness>;
  /** What a former daemon had left of its runs: it was ended and removed. */
  readonly swept: readonly ResidueRecord[];
  /** What that sweep could not end or remove: one look, taken when the first asks, for all who ask. */
  readonly left: () => Promise<readonly ResidueRecord[]>;
  /** Where a surprise is told; never to a client. */
  readonly surprise: (error: unknown, where: string) => void;
}

export type SessionView = View<Session, Draft, SessionEvent>;

export interface Desk extends House {
  readonly id: SessionId;
  readonly view: SessionView;
  readonly secrets: { values: Readonly<Record<string, string>> | undefined };
}

export const newId = <Kind extends IdKind>({ clock }: Pick<House, "clock">, kind: Kind): Id<Kind> =>
  makeId(kind, clock.now(), clock.chance(16));

/** What comes with every turn, and its chunks, are folded by whoever reads on from the last snapshot; its end keeps a new one. */
const unmarked: ReadonlySet<string> = new Set(["turn.queued", "turn.started", "turn.updated"]);
const marks = (event: SessionEvent): boolean => !unmarked.has(event.type);

export interface ViewPlace {
  readonly id: SessionId;
  readonly state: Session | undefined;
  readonly last: number;
  /** What must not be written down. */
  readonly secrets: Desk["secrets"];
}

export function createView({ store, clock }: House, { id, state, last, secrets }: ViewPlace): SessionView {
  const log = new Log({ store, clock, subject: id, last });
  let native = state?.native;
  return new View({
    log,
    fold,
    state,
    marks,
    place(draft: Draft, cursor): SessionEvent {
      if (draft.type === "harness.started") native = draft.data.native;
      const { type, data, turn, source, synthetic } = draft;
      const event = {
        cursor,
        id: eventId(id, cursor),
        session: id,
        ...(turn ? { turn } : {}),
        ...(native ? { native } : {}),
        at: isoTime(clock),
        source,
        ...(synthetic ? { synthetic } : {}),
        type,
        data,
      } as SessionEvent;
      return redact(event, secrets.values);
    },
  });
}

/** The state of a session that is known to be open. */
export function stateOf({ view, id }: Pick<Desk, "view" | "id">): Session {
  if (!view.state) throw new Error(`${id} has no state`);
  return view.state;
}
