/** Work that takes its time: answered at its end, or told line by line while it goes on. */
import type { FollowStep } from "@corral/kernel";

export type Line = { readonly type: string };

export interface TellingNeed<Answer> {
  /** Leaving the caller out ends nothing: the work goes on, and who asks again joins in or finds it done. */
  readonly work: (tell: (line: Line) => void) => Promise<Answer>;
  readonly done: (answer: Answer) => Line;
  /** The last line of work that failed; what was thrown is a refusal or a surprise. */
  readonly failed: (error: unknown) => Line;
}

export class Telling<Answer> {
  readonly #need: TellingNeed<Answer>;

  constructor(need: TellingNeed<Answer>) {
    this.#need = need;
  }

  answer(): Promise<Answer> {
    return this.#need.work(() => undefined);
  }

  /** Lines as the entries of a log that nobody keeps. */
  async *lines({ signal }: { readonly signal: AbortSignal }): AsyncIterable<FollowStep> {
    const { work, done, failed } = this.#need;
    const waiting: Line[] = [];
    let over = false;
    let wake = Promise.withResolvers<void>();
    const tell = (line: Line) => {
      waiting.push(line);
      wake.resolve();
    };
    const stop = () => wake.resolve();
    signal.addEventListener("abort", stop, { once: true });
    void work(tell)
      .then(done, failed)
      .then((last) => {
        over = true;
        tell(last);
      });
    try {
      for (let cursor = 0; !signal.aborted; ) {
        if (waiting.length === 0) await wake.promise;
        wake = Promise.withResolvers<void>();
        const entries = waiting.splice(0).map((line) => ({ cursor: ++cursor, text: JSON.stringify(line) }));
        if (entries.length > 0) yield { kind: "chunk", entries };
        if (over && waiting.length === 0) return;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
