/** The common cases with the real OpenCode, as a server that sessions share: all of them, or in CI those that differ by this road. */
import { waysOf } from "@corral/conformance";
import { realHarness } from "@corral/conformance/real";

/**
 * A start costs seconds of processor time, and the program is played by itself as well. What the model is told, and how the program
 * answers it, is the same both ways; here is what Corral does in another way when many sessions have one server.
 */
const differs: Readonly<Record<string, string>> = {
  tool: "a tool's progress is read from the parts of a message, not from ACP",
  "permission-allowed": "answered by a request of its own, and granted as the server grants",
  "cancel-tool": "one session's tool is ended, and the server stays",
  "error-400": "a failure is an event of the session, not the answer to a prompt",
  "resume-exit": "a session is found again on another server",
  "resume-kill": "the server dies with all its sessions",
  fork: "forked by the server, and in its own database",
  usage: "counted from the parts of messages",
};

const inCi = Boolean(process.env.CI);

realHarness(
  "opencode",
  {
    ...waysOf("opencode"),
    called: inCi ? "opencode as a shared server, what differs" : "opencode as a shared server",
    options: { runtime: "serve" },
  },
  inCi ? Object.keys(differs) : undefined,
);
