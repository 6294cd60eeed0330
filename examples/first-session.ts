/** A first session: one prompt, one question of the agent's, one answer. Needs a daemon (`corral serve`) and no key. */
import { connect } from "@corral/client";

const corral = connect({ url: process.env.CORRAL_URL, token: process.env.CORRAL_TOKEN });
const session = await corral.sessions.open({ agent: "scripted" });

const run = session.prompt("Say hello", {
  onAsk(ask) {
    console.log(`It asks: ${ask.title}`);
    return "allow";
  },
});
console.log(await run.text());

await session.remove();
