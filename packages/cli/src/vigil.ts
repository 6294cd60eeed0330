/** Watches whether a daemon is still there, for those who wait for something that only it can say. */
import { Fault } from "@corral/protocol";
import { isAnswering } from "./reach.ts";

/** Long enough for a restart, short enough for a script that waits for us. */
const lostAfterMs = 60_000;
const lookEveryMs = 5_000;

/** Calls back once, when nobody has answered for a minute. */
export function keepVigil(url: string, onLost: (fault: Fault) => void, limitMs = lostAfterMs): Disposable {
  let answeredAt = performance.now();
  const look = async () => {
    if (await isAnswering(url)) answeredAt = performance.now();
    else if (performance.now() - answeredAt >= limitMs) {
      clearInterval(timer);
      onLost(
        new Fault("daemon.unreachable", {
          detail: `${url} has not answered for ${Math.round(limitMs / 1000)} s`,
          help: "Start the daemon again with `corral serve`; what was acknowledged is kept.",
        }),
      );
    }
  };
  const timer = setInterval(() => void look(), Math.min(lookEveryMs, limitMs));
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
