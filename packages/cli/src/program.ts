/** The command line as a whole: every command in its place, and errors told in three lines. */
import { Command, CommanderError } from "commander";
import { separateKinds } from "./argv.ts";
import { examplesText, type Stage } from "./command.ts";
import { agentsCommand } from "./commands/agents.ts";
import { askCommand } from "./commands/ask.ts";
import { conformanceCommand } from "./commands/conformance.ts";
import { credentialsCommand } from "./commands/credentials.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { modelStubCommand } from "./commands/model-stub.ts";
import { proofCommand } from "./commands/proof.ts";
import { psCommand } from "./commands/ps.ts";
import { runCommand } from "./commands/run.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionsCommand } from "./commands/sessions.ts";
import { versionCommand } from "./commands/version.ts";
import { exitCodeOfError, exitCodes } from "./exit-code.ts";
import { tell, tellingOf } from "./output/fault.ts";
import type { Shell } from "./shell.ts";
import { version } from "./version.ts";

const makers: Readonly<Record<string, (stage: Stage) => Command>> = {
  run: runCommand,
  serve: serveCommand,
  sessions: sessionsCommand,
  ask: askCommand,
  ps: psCommand,
  agents: agentsCommand,
  credentials: credentialsCommand,
  demo: demoCommand,
  doctor: doctorCommand,
  proof: proofCommand,
  conformance: conformanceCommand,
  "model-stub": modelStubCommand,
  version: versionCommand,
};

/** A command line that begins with its command needs no other; making them all takes time at each start. */
function makersFor(name: string): readonly ((stage: Stage) => Command)[] {
  const only = Object.hasOwn(makers, name) ? makers[name] : undefined;
  return only ? [only] : Object.values(makers);
}

const examples = [
  "corral demo",
  'corral run "Say hello"',
  "corral serve",
  "corral sessions ls",
  "corral sessions tail -f last",
];

/** Errors are thrown and told by us; help goes where commander would write it. */
function hush(command: Command, { stdout }: Shell): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: () => undefined,
    getOutHasColors: () => false,
    getOutHelpWidth: () => Math.min(stdout.columns, 110),
  });
  for (const inner of command.commands) hush(inner, { stdout } as Shell);
}

export function createProgram(stage: Stage, first = ""): Command {
  const program = new Command("corral")
    .description("Runs any coding agent behind one API; nothing is lost, nothing hangs, nothing is left behind.")
    // Of two commands with the same option the one that it is written behind has it: `agents install --json`.
    .enablePositionalOptions()
    .version(version, "-V, --version", "print the release")
    .helpOption("-h, --help", "print help; every command has its own")
    .addHelpText("after", examplesText(examples));
  for (const make of makersFor(first)) program.addCommand(make(stage));
  hush(program, stage.shell);
  return program;
}

const isHelp = (error: unknown): boolean =>
  error instanceof CommanderError && /^commander\.(help|helpDisplayed|version)$/.test(error.code);

function failed(shell: Shell, error: unknown): number {
  if (isHelp(error)) return exitCodes.done;
  // Nobody reads us any more: whatever failed after that failed for this reason.
  if (shell.gone.aborted) return exitCodes.done;
  tell(shell.stderr, tellingOf(error));
  if (shell.world.env.CORRAL_DEBUG) shell.stderr.line(error instanceof Error ? (error.stack ?? "") : "");
  return exitCodeOfError(error);
}

/** Runs one command line; resolves with its exit code and never rejects. */
export async function runCommandLine(args: readonly string[], shell: Shell): Promise<number> {
  let code: number = exitCodes.done;
  const finish = (given: number) => {
    code = given;
  };
  try {
    const program = createProgram({ shell, finish }, args[0]);
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(separateKinds(args), { from: "user" });
    return code;
  } catch (error) {
    return failed(shell, error);
  }
}
