/** Gives a turn a deadline of the caller's own: when the signal is aborted, the turn is cancelled, not only forgotten. */
import { connect, isFault } from "@corral/client";

const corral = connect({ url: process.env.CORRAL_URL, token: process.env.CORRAL_TOKEN });
const story = { turns: [{ steps: [{ say: "This takes for ever." }, { hang: true }] }] };
const session = await corral.sessions.open({ agent: "scripted", options: { story } });

const turn = await session.prompt("Do it", { signal: AbortSignal.timeout(1_000) });
console.log(`${turn.outcome}, after it had said: ${turn.output}`);

await session.remove();
try {
  await session.state();
} catch (error) {
  if (!isFault(error, "session.missing")) throw error;
  console.log(`${error.code}: ${error.message}`);
}
