/** What a hostile harness may write: frames that are almost right, frames that are all wrong, and no frames at all. */
import type { Chance } from "../seeded.ts";
import { anyValue, bent, objectOf, textOf, written } from "./json.ts";

/** Stands for what the harness calls the session, and for the number of the request that it answers. */
export const placeholders = { session: "{{session}}", cwd: "{{cwd}}", id: "{{id}}" } as const;

const { session: sessionId, cwd } = placeholders;

const content = (chance: Chance): unknown =>
  chance.pick<unknown>([
    { type: "text", text: textOf(chance) },
    { type: "image", data: "AAAA", mimeType: "image/png" },
    { type: "resource", resource: { uri: "file:///x", text: textOf(chance) } },
    anyValue(chance, 2),
  ]);

const toolCall = (chance: Chance): Record<string, unknown> => ({
  toolCallId: chance.pick(["call_1", "call_2", textOf(chance)]),
  title: textOf(chance),
  kind: chance.pick(["edit", "execute", "constructor", "nothing known"]),
  status: chance.pick(["pending", "in_progress", "completed", "failed", "exploded"]),
  content: [
    { type: "content", content: content(chance) },
    { type: "diff", path: `${cwd}/a.txt`, oldText: null, newText: textOf(chance) },
  ],
  rawInput: anyValue(chance, 2),
  rawOutput: anyValue(chance, 2),
  locations: [{ path: `${cwd}/a.txt`, line: chance.below(9) }],
});

const updates: readonly ((chance: Chance) => Record<string, unknown>)[] = [
  (chance) => ({ sessionUpdate: "agent_message_chunk", messageId: "m", content: content(chance) }),
  (chance) => ({ sessionUpdate: "agent_thought_chunk", content: content(chance) }),
  (chance) => ({ sessionUpdate: "user_message_chunk", content: content(chance) }),
  (chance) => ({ sessionUpdate: "tool_call", ...toolCall(chance) }),
  (chance) => ({ sessionUpdate: "tool_call_update", ...toolCall(chance) }),
  (chance) => ({ sessionUpdate: "plan", entries: [{ content: textOf(chance), status: "pending", priority: "high" }] }),
  (chance) => ({
    sessionUpdate: "usage_update",
    used: chance.pick([1, -1, 1e308]),
    size: 2,
    cost: anyValue(chance, 1),
  }),
  (chance) => ({ sessionUpdate: "current_mode_update", currentModeId: textOf(chance) }),
  (chance) => ({ sessionUpdate: "session_info_update", title: textOf(chance) }),
  (chance) => ({ sessionUpdate: "available_commands_update", availableCommands: [objectOf(chance)] }),
  (chance) => ({ sessionUpdate: "config_option_update", configOptions: [objectOf(chance), anyValue(chance, 2)] }),
  (chance) => ({ sessionUpdate: chance.pick(["constructor", "__proto__", "", textOf(chance)]), ...objectOf(chance) }),
];

/** Nothing here does harm, whoever runs it. */
const commands: readonly unknown[] = [
  "true",
  "echo hello",
  "exit 3",
  "sleep 0.05",
  "seq 3000",
  "",
  "\u0000",
  "/nonexistent/x",
  5,
  null,
];

const requests: readonly ((chance: Chance) => readonly [string, unknown])[] = [
  (chance) => [
    "session/request_permission",
    {
      toolCall: toolCall(chance),
      options: [
        {
          optionId: textOf(chance),
          name: "Yes",
          kind: chance.pick(["allow_once", "allow_always", "allow", textOf(chance)]),
        },
        { optionId: "same", name: anyValue(chance, 1), kind: "reject_once" },
        { optionId: "same", name: "No", kind: "reject_always" },
        anyValue(chance, 1),
      ],
    },
  ],
  (chance) => ["elicitation/create", { mode: "form", message: textOf(chance), requestedSchema: objectOf(chance) }],
  (chance) => [
    "fs/read_text_file",
    { path: pathOf(chance), line: chance.pick([0, 1, -1, 1e9]), limit: chance.below(9) },
  ],
  (chance) => ["fs/write_text_file", { path: pathOf(chance), content: textOf(chance) }],
  (chance) => [
    "terminal/create",
    {
      args: chance.pick<unknown>([[], ["x"], "x", null]),
      env: [objectOf(chance)],
      outputByteLimit: chance.pick([0, 10, -1, 1e15]),
    },
  ],
  (chance) => [
    chance.pick(["terminal/output", "terminal/wait_for_exit", "terminal/kill", "terminal/release"]),
    { terminalId: textOf(chance) },
  ],
  (chance) => [
    chance.pick(["session/prompt", "initialize", "constructor", "__proto__", "", textOf(chance)]),
    objectOf(chance),
  ],
];

/** Some of them lie outside the workspace: nothing may ever be there. */
export const outsideName = "outside.txt";
const pathOf = (chance: Chance): string =>
  chance.pick([
    `${cwd}/b.txt`,
    `${cwd}/../${outsideName}`,
    "relative.txt",
    cwd,
    `${cwd}/deep/er/c.txt`,
    "/proc/self/environ",
    `${cwd}/\u0000`,
    textOf(chance),
  ]);

const idOf = (chance: Chance): unknown =>
  chance.pick<unknown>([1, 2, 3, 4, 5, 0, -1, 1e99, "1", "x", null, [], {}, 1.5, true]);

/** What is run stays harmless, however the rest of the frame is bent. */
function request(chance: Chance): unknown {
  const [method, params] = chance.pick(requests)(chance);
  const frame = bent(chance, {
    jsonrpc: "2.0",
    id: idOf(chance),
    method,
    params: { sessionId, ...(params as object) },
  });
  if (method !== "terminal/create" || typeof frame !== "object" || frame === null) return frame;
  const kept = Reflect.get(frame, "params");
  const known = typeof kept === "object" && kept !== null && !Array.isArray(kept) ? kept : {};
  return { ...frame, params: { ...known, command: chance.pick(commands) } };
}

const update = (chance: Chance): unknown =>
  bent(
    chance,
    { jsonrpc: "2.0", method: "session/update", params: { sessionId, update: chance.pick(updates)(chance) } },
    0.08,
  );

const response = (chance: Chance): unknown => ({
  jsonrpc: "2.0",
  id: idOf(chance),
  ...chance.pick<object>([
    { result: { stopReason: "end_turn" } },
    { result: anyValue(chance, 2) },
    { error: { code: chance.pick([-32_601, 0, 1e300]), message: textOf(chance), data: anyValue(chance, 2) } },
    { error: anyValue(chance, 1) },
    {},
  ]),
});

const notice = (chance: Chance): unknown => ({
  jsonrpc: chance.pick<unknown>(["2.0", "1.0", 2, null]),
  method: chance.pick(["$/cancel_request", "session/cancel", "session/update", "constructor", textOf(chance)]),
  params: chance.pick<unknown>([{ requestId: idOf(chance) }, { sessionId }, anyValue(chance, 2)]),
});

function noFrame(chance: Chance): string {
  switch (chance.below(6)) {
    case 0:
      return Buffer.from(chance.bytes(chance.spread(1, 400))).toString("latin1");
    case 1:
      return written(chance, anyValue(chance, 4));
    case 2:
      return "[".repeat(chance.spread(1, 60_000));
    case 3:
      return `[${written(chance, update(chance))},${written(chance, request(chance))}]`;
    case 4:
      return written(chance, update(chance)).slice(0, chance.spread(1, 200));
    default:
      return "x".repeat(chance.spread(1, 300_000));
  }
}

/** One line, without its end. */
export function lineOf(chance: Chance): string {
  const kind = chance.below(20);
  if (kind < 3) return noFrame(chance).replaceAll("\n", " ");
  if (kind < 10) return written(chance, update(chance));
  if (kind < 15) return written(chance, request(chance));
  if (kind < 18) return written(chance, response(chance));
  return written(chance, notice(chance));
}

export const linesOf = (chance: Chance, count: number): readonly string[] =>
  Array.from({ length: count }, () => lineOf(chance));
