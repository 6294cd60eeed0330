/** A program that is a daemon's kernel: it opens sessions for a directory, tells what was acknowledged, and waits to be killed. */
import { openKit, type Steps } from "./kit.fixture.ts";

interface Wanted {
  readonly root: string;
  readonly sessions: readonly {
    readonly turns: readonly Steps[];
    readonly prompts: number;
    readonly secrets?: Readonly<Record<string, string>>;
  }[];
}

const wanted = JSON.parse(process.argv[2] ?? "{}") as Wanted;
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const kit = await openKit({ root: wanted.root });
for (const { turns, prompts, secrets } of wanted.sessions) {
  const { id, session, prompt } = await kit.open(turns, secrets ? { secrets } : {});
  const accepted = [];
  for (let at = 0; at < prompts; at++) accepted.push((await prompt(`prompt ${at}`)).id);
  tell({ id, accepted });
  void (async () => {
    for await (const step of session.follow(0, { signal: new AbortController().signal })) {
      if (step.kind === "chunk") for (const { text } of step.entries) tell({ event: JSON.parse(text) });
    }
  })();
}
