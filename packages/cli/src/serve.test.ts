/** `corral serve` and the commands that share its daemon: signals, kill -9, locks, and following across a restart. */
import { chmod, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Home, linesOf, openHome, resultOf } from "./cli.fixture.ts";

let home: Home;
beforeEach(async () => {
  home = await openHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const serverFile = () => join(home.folder, "state", "daemon.json");

describe("the daemon", () => {
  test("says where it listens and what to try, is found without flags, and stops when it is asked to", async () => {
    const daemon = await home.serve();
    expect(daemon.stdout()).toContain(join(home.folder, "state"));
    expect((await stat(serverFile())).mode & 0o777).toBe(0o600);
    const ran = await home.corral(["run", "--json", "--allow", "Hello"]);
    expect(ran.code).toBe(0);
    // The harness lives on in the daemon: the run was not in our own process.
    expect((await home.corral(["ps"])).stdout).toContain(resultOf(ran).session);
    daemon.child.kill("SIGTERM");
    expect((await daemon.ended).code).toBe(0);
    await expect(stat(serverFile())).rejects.toThrow(/ENOENT/);
  });

  test("a token from a file is wanted of everybody, and found by those who may read the file", async () => {
    const token = await home.write("token", "a-long-enough-token\n");
    const { url } = await home.serve(["--token-file", token]);
    expect((await fetch(`${url}/v1/sessions`)).status).toBe(401);
    expect(await readFile(serverFile(), "utf8")).not.toContain("a-long-enough-token");
    expect((await home.corral(["sessions", "ls"])).code).toBe(0);
    const wrong = await home.corral(["sessions", "ls", "--token", "wrong"]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/warning: --token[\s\S]*auth\.required/);
  });

  test("it does not listen beyond loopback without a token", async () => {
    const { code, stderr } = await home.corral(["serve", "--port", "0", "--host", "0.0.0.0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("config.invalid");
  });

  test("a port in use and a state directory in use are told, and end it with 1", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address ? String(address.port) : "";
    const refused = await home.corral(["serve", "--port", port]);
    await new Promise((resolve) => taken.close(resolve));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(port);
    const daemon = await home.serve();
    const second = await home.corral(["serve", "--port", "0"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("store.locked");
    expect(second.stderr).toContain(String(daemon.child.pid));
  });

  test("pages of a named origin are let in, others not", async () => {
    const { url } = await home.serve(["-O", "https://app.example.org"]);
    const ask = (origin: string) => fetch(`${url}/v1/agents`, { headers: { origin } });
    const welcome = await ask("https://app.example.org");
    expect(welcome.headers.get("access-control-allow-origin")).toBe("https://app.example.org");
    expect((await ask("https://other.example.org")).status).toBe(403);
  });
});

describe("sessions beside a daemon", () => {
  test("kill -9 of the daemon loses nothing: the session is there after a restart, and without one", async () => {
    const daemon = await home.serve();
    const ran = await home.corral(["run", "--json", "--allow", "Remember me"]);
    const events = linesOf(ran.stdout).slice(0, -1);
    daemon.child.kill("SIGKILL");
    await daemon.ended;
    expect((await home.corral(["doctor"])).stdout).toMatch(/warn +daemon/);
    const without = await home.corral(["sessions", "show", "last"]);
    expect(without.stdout).toContain("Remember me");
    await home.serve();
    const tail = await home.corral(["sessions", "tail", "--after", "0", "--json", "last"]);
    expect(linesOf(tail.stdout)).toEqual(expect.arrayContaining([...events]));
    expect((await home.corral(["run", "--session", "last", "Go on"])).stdout).toContain("2 messages");
  });

  test("tail -f follows what others do, and goes on when the daemon comes back (FR-05)", async () => {
    const daemon = await home.serve();
    const { session } = resultOf(await home.corral(["run", "--json", "--allow", "one"]));
    const tail = home.start(["sessions", "tail", "-f", "--json", "--after", "0", session]);
    await tail.says(/turn\.ended/);
    daemon.child.kill("SIGKILL");
    await daemon.ended;
    const { port } = new URL(daemon.url);
    const again = home.start(["serve", "--port", port]);
    await again.says(/listens/);
    await home.corral(["run", "--session", session, "two"]);
    await tail.says(/2 messages/);
    await home.corral(["sessions", "close", session]);
    const { code, stdout } = await tail.ended;
    expect(code).toBe(0);
    const cursors = linesOf(stdout).map((line) => (JSON.parse(line) as { cursor: number }).cursor);
    expect(cursors).toEqual(cursors.map((_, at) => at + 1));
  });

  test("an ask of a paused turn is listed, and answered from another terminal", async () => {
    await home.serve();
    const file = await home.write(
      "ask.json",
      JSON.stringify({
        name: "a",
        turns: [{ steps: [{ say: "so " }, { ask: { title: "May I?", allowed: [{ say: "yes" }] } }] }],
      }),
    );
    const one = home.start(["run", "--story", file, "x"]);
    expect((await one.ended).code).toBe(2);
    expect((await home.corral(["ask", "ls"])).stdout).toContain("May I?");
    const answered = await home.corral(["ask", "answer", "last", "allow", "--wait"]);
    expect(answered.code).toBe(0);
  });

  test("a run whose daemon is killed and started again learns that its turn was lost", async () => {
    const daemon = await home.serve();
    const steps = [{ say: "wait" }, { hang: { cancellable: true } }];
    const file = await home.write("hang.json", JSON.stringify({ name: "h", turns: [{ steps }] }));
    const one = home.start(["run", "--json", "--story", file, "x"]);
    await one.says(/wait/);
    daemon.child.kill("SIGKILL");
    await daemon.ended;
    await home.start(["serve", "--port", new URL(daemon.url).port]).says(/listens/);
    const ran = await one.ended;
    expect([ran.code, resultOf(ran).outcome]).toEqual([1, "lost"]);
  });

  test("a state directory that another command uses without a daemon is told, and not waited for without end", async () => {
    const steps = [{ say: "wait" }, { hang: { cancellable: true } }];
    const file = await home.write("hang.json", JSON.stringify({ name: "h", turns: [{ steps }] }));
    const one = home.start(["run", "--story", file, "x"]);
    await one.says(/wait/);
    const { code, stderr } = await home.corral(["run", "y"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/store\.locked[\s\S]*corral serve/);
    one.child.kill("SIGINT");
    expect((await one.ended).code).toBe(130);
  });

  test("a running turn is cancelled, and sessions are closed and removed, from another terminal", async () => {
    await home.serve();
    const file = await home.write(
      "hang.json",
      JSON.stringify({ name: "h", turns: [{ steps: [{ say: "wait" }, { hang: { cancellable: true } }] }] }),
    );
    const one = home.start(["run", "--story", file, "x"]);
    await one.says(/wait/);
    expect((await home.corral(["sessions", "cancel", "last"])).stdout).toContain("cancelled");
    expect((await one.ended).code).toBe(1);
    expect((await home.corral(["sessions", "close", "last"])).code).toBe(0);
    expect((await home.corral(["sessions", "ls"])).stdout).toContain("closed");
    expect((await home.corral(["sessions", "rm", "last"])).code).toBe(0);
    expect((await home.corral(["sessions", "ls", "--json"])).stdout.trim()).toBe("[]");
  });
});

describe("doctor", () => {
  test("a sound house is all right, and a state directory that is no directory is not", async () => {
    const sound = await home.corral(["doctor"]);
    expect(sound.code).toBe(0);
    expect(sound.stdout).not.toMatch(/^fail/m);
    const file = await home.write("file", "");
    const broken = await home.corral(["doctor", "--json", "--state", file]);
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "state", level: "fail", help: expect.any(String) })]),
    );
  });

  test("one check can be asked for by name; residue of ended runs is one, and an unknown one is refused", async () => {
    const { code, stdout } = await home.corral(["doctor", "residue"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {4}residue {2}no ended run left anything behind\n$/);
    const unknown = await home.corral(["doctor", "residues"]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("residue");
  });

  test("a state directory that others can read is warned of", async () => {
    await home.corral(["sessions", "ls"]);
    await chmod(join(home.folder, "state"), 0o755);
    expect((await home.corral(["doctor"])).stdout).toMatch(/warn +state/);
  });
});
