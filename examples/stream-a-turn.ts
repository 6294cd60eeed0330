/** Watches a turn while it goes on: what the agent says appears as it says it, and tools are named as they begin. */
import { chunkText, connect } from "@corral/client";

const corral = connect({ url: process.env.CORRAL_URL, token: process.env.CORRAL_TOKEN });
const session = await corral.sessions.open({ agent: "scripted", policy: { permissions: "allow" } });

const run = session.prompt("Tell me something");
for await (const event of run) {
  if (event.type === "turn.updated") {
    const { update } = event.data;
    if (update.sessionUpdate === "agent_message_chunk") process.stdout.write(chunkText(update) ?? "");
    if (update.sessionUpdate === "tool_call") console.log(`[${update.title}]`);
  }
  if (event.type === "turn.ended") console.log(`\n${event.data.outcome}`);
}

await session.remove();
