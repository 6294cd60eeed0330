/** An agent made with the official SDK, which refuses whatever is not true ACP; its prompts say what it should use of its client. */
import { Readable, Writable } from "node:stream";
import { type AgentContext, agent, methods, ndJsonStream } from "@agentclientprotocol/sdk";

const sessionId = "sdk-1";
let cancelled = Promise.withResolvers<void>();

const say = (client: AgentContext, text: string) =>
  client.notify(methods.client.session.update, {
    sessionId,
    update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
  });

const acts: Readonly<Record<string, (client: AgentContext, cwd: string) => Promise<unknown>>> = {
  hello: async () => "hello",
  permission: (client) =>
    client.request(methods.client.session.requestPermission, {
      sessionId,
      toolCall: { toolCallId: "c1", title: "Delete everything", kind: "delete", status: "pending" },
      options: [
        { optionId: "yes", name: "Yes", kind: "allow_once" },
        { optionId: "no", name: "No", kind: "reject_once" },
      ],
    }),
  form: (client) =>
    client.request(methods.client.elicitation.create, {
      sessionId,
      mode: "form",
      message: "Who are you?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    }),
  files: async (client, cwd) => {
    const path = `${cwd}/made.txt`;
    await client.request(methods.client.fs.writeTextFile, { sessionId, path, content: "one\ntwo\nthree\n" });
    return client.request(methods.client.fs.readTextFile, { sessionId, path, line: 2, limit: 1 });
  },
  outside: (client) =>
    client
      .request(methods.client.fs.readTextFile, { sessionId, path: "/etc/passwd" })
      .catch(({ code }: { code: number }) => ({ code })),
  terminal: async (client, cwd) => {
    const terminal = await client.createTerminal({ sessionId, command: "echo", args: ["from", "a terminal"], cwd });
    const exit = await terminal.waitForExit();
    const { output } = await terminal.currentOutput();
    await terminal.release();
    return { exit, output };
  },
  wait: async () => {
    await cancelled.promise;
    return "cancelled";
  },
};

let cwd = "";
agent({ name: "sdk-agent" })
  .onRequest(methods.agent.initialize, ({ params }) => ({
    protocolVersion: params.protocolVersion,
    agentInfo: { name: "sdk-agent", version: "1.2.3" },
    agentCapabilities: { loadSession: true, sessionCapabilities: { close: {} }, promptCapabilities: { image: true } },
    _meta: { client: params.clientCapabilities },
  }))
  .onRequest(methods.agent.session.new, ({ params }) => {
    cwd = params.cwd;
    return {
      sessionId,
      modes: {
        currentModeId: "ask",
        availableModes: [
          { id: "ask", name: "Ask" },
          { id: "code", name: "Code" },
        ],
      },
    };
  })
  .onRequest(methods.agent.session.load, async ({ params, client }) => {
    cwd = params.cwd;
    await say(client, "what was said before");
    return {};
  })
  .onRequest(methods.agent.session.setMode, async ({ params, client }) => {
    await client.notify(methods.client.session.update, {
      sessionId,
      update: { sessionUpdate: "current_mode_update", currentModeId: params.modeId },
    });
    return {};
  })
  .onRequest(methods.agent.session.close, () => {
    process.stderr.write("closed politely\n");
    return {};
  })
  .onNotification(methods.agent.session.cancel, () => cancelled.resolve())
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const [block] = params.prompt;
    const act = acts[block?.type === "text" ? block.text : ""];
    if (!act) throw new Error("there is no such act");
    cancelled = Promise.withResolvers();
    const told = await act(client, cwd);
    await say(client, JSON.stringify(told));
    return { stopReason: told === "cancelled" ? "cancelled" : "end_turn" };
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>));
