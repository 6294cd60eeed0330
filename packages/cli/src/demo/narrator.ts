/** How the demo speaks: numbered acts, indented lines, and what was expected of each. */
import type { SessionEvent } from "@corral/protocol";
import type { Out } from "../output/out.ts";
import { createTurnView } from "../output/turn-view.ts";

export interface Narrator {
  act(title: string): void;
  say(line: string): void;
  /** Says what is true, or ends the demo with it. */
  check(truth: boolean, line: string): void;
  /** Shows a turn as it happens. */
  watch(): { show(event: SessionEvent): void; end(): void };
}

/** Everything that is written is moved to the right. */
function indented(out: Out): Out {
  const margin = "      ";
  let fresh = true;
  const write = (text: string) => {
    for (const piece of text.split(/(?<=\n)/)) {
      out.write(fresh && piece !== "\n" ? margin + piece : piece);
      fresh = piece.endsWith("\n");
    }
  };
  return {
    ...out,
    isTerminal: out.isTerminal,
    place: out.place,
    columns: out.columns,
    atLineStart: () => fresh,
    write,
    line: (text = "") => write(`${text}\n`),
  };
}

export function createNarrator(out: Out): Narrator {
  let acts = 0;
  const inner = indented(out);
  return {
    act(title) {
      acts += 1;
      out.line();
      out.line(out.style("bold", `  ${acts}. ${title}`));
    },
    say: (line) => out.line(`     ${line}`),
    check(truth, line) {
      if (!truth) throw new Error(`the demo expected otherwise: ${line}`);
      out.line(`     ${out.style("green", "✓")} ${line}`);
    },
    watch: () => createTurnView({ answer: inner, progress: inner, quiet: false }),
  };
}
