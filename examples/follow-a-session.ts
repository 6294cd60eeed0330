/** Two who do not know of each other: one prompts, the other follows the session's state and answers for it. */
import { connect, type SessionState } from "@corral/client";

const corral = connect({ url: process.env.CORRAL_URL, token: process.env.CORRAL_TOKEN });
const { id } = await corral.sessions.open({ agent: "scripted", title: "Watched" });

/** The watcher: knows the session by its id, and sees it to its end. */
async function watch(): Promise<void> {
  const session = await corral.sessions.get(id);
  const answered = new Set<string>();
  let shown = "";
  await session.follow(async ({ phase, asks }: SessionState) => {
    if (phase !== shown) console.log(`the session is ${phase}`);
    shown = phase;
    for (const ask of asks.filter((one) => !answered.has(one.id))) {
      answered.add(ask.id);
      await session.answer(ask, "deny");
    }
  });
}

const watching = watch();
const session = await corral.sessions.get(id);
const turn = await session.prompt("Change a file");
console.log(`the turn has ${turn.outcome}`);
await session.close();
await watching;
await session.remove();
