/** What a tool really does: reads, writes and runs, by itself or by asking the client. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isRecord } from "../json.ts";
import { orAbort } from "../or-abort.ts";
import { RpcError } from "../rpc-error.ts";
import type { Scene } from "../scene.ts";
import type { ToolStep } from "../story-shape.ts";
import { runCommand } from "./command.ts";

export interface Result {
  readonly text?: string;
  readonly exit?: number;
  readonly signal?: string;
  readonly terminalId?: string;
  readonly failed?: boolean;
}

interface Hands {
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  run(command: string): Promise<Result>;
}

type OnTerminal = (terminalId: string) => Promise<void>;

export async function use(scene: Scene, step: ToolStep, { onTerminal }: { onTerminal: OnTerminal }): Promise<Result> {
  const hands = step.via === "client" ? clientsHands(scene, onTerminal) : ownHands(scene);
  const said = step.text === undefined ? step.terminal?.output : scene.fill(step.text);
  const told = {
    ...(said === undefined ? {} : { text: said }),
    ...(step.terminal ? { exit: step.terminal.exit } : {}),
  };
  try {
    return { ...told, ...(await done(scene, step, hands)), ...(step.text === undefined ? {} : told) };
  } catch (error) {
    scene.signal.throwIfAborted();
    return { text: error instanceof RpcError ? `The client refused: ${error.message}` : String(error), failed: true };
  }
}

async function done(scene: Scene, step: ToolStep, hands: Hands): Promise<Result> {
  const at = (path: string): string => resolve(scene.session.cwd, path);
  const write = step.write === true ? step.diff : step.write;
  if (write) await hands.write(at(write.path), scene.fill(write.text));
  const read = step.read === undefined ? {} : { text: await hands.read(at(step.read)) };
  return { ...read, ...(step.run === undefined ? {} : await hands.run(step.run)) };
}

function ownHands({ session: { cwd }, env, signal }: Scene): Hands {
  return {
    read: (path) => readFile(path, "utf8"),
    async write(path, text) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    },
    async run(command) {
      const ran = await runCommand(command, { cwd, env, signal });
      return resultOf(ran.output, ran.exit, ran.signal);
    },
  };
}

function clientsHands(scene: Scene, onTerminal: OnTerminal): Hands {
  const { id: sessionId, cwd } = scene.session;
  const ask = async (method: string, params: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await scene.request(method, { sessionId, ...params });
    return isRecord(answer) ? answer : {};
  };
  return {
    read: async (path) => String((await ask("fs/read_text_file", { path })).content),
    write: async (path, text) => void (await ask("fs/write_text_file", { path, content: text })),
    async run(command) {
      // Not bound to the turn's signal: a cancelled turn must give its terminal back, too. Releasing it ends the command.
      const unbound = { signal: new AbortController().signal };
      const start = { sessionId, command: "sh", args: ["-c", command], cwd };
      const created = scene.wire
        .request("terminal/create", start, unbound)
        .then((answer) => ({ sessionId, terminalId: isRecord(answer) ? answer.terminalId : undefined }));
      try {
        const terminal = await orAbort(created, scene.signal);
        const terminalId = String(terminal.terminalId);
        await onTerminal(terminalId);
        const { exitCode, signal } = await ask("terminal/wait_for_exit", terminal);
        const { output } = await ask("terminal/output", terminal);
        return { ...resultOf(String(output), exitCode, signal), terminalId };
      } finally {
        const release = created.then((terminal) => scene.wire.request("terminal/release", terminal, unbound));
        release.catch((error: unknown) => scene.complain(`The client kept a terminal: ${String(error)}`));
      }
    },
  };
}

const resultOf = (text: string, exit: unknown, signal: unknown): Result => ({
  text,
  ...(typeof exit === "number" ? { exit } : {}),
  ...(typeof signal === "string" ? { signal } : {}),
});

/** What a file holds; an unreadable one is shown as none, for the write will tell why. */
export const currentText = (file: string): Promise<string | undefined> => readFile(file, "utf8").catch(() => undefined);
