/** The scripted harness: a program that speaks ACP on its standard streams and plays a story. */
import { runScriptedHarness } from "./run.ts";

const { stdin, stdout, stderr, argv, env } = process;
process.exit(await runScriptedHarness({ stdin, stdout, stderr, args: argv.slice(2), env }));
