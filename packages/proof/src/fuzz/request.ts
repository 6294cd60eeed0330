/** Random requests: some that the contract knows, bent in places, and some that are no requests at all. */
import { contract, idPrefixes, type Operation } from "@corral/protocol";
import type { Chance } from "../seeded.ts";
import { anyValue, bent, textOf, written } from "./json.ts";

export interface Sent {
  readonly what: string;
  readonly bytes: Buffer;
  /** The client says that it has said everything. */
  readonly ends: boolean;
  /** How many answers are due, if it is understood at all. */
  readonly answers: number;
}

export interface Known {
  readonly token: string;
  readonly sessions: readonly string[];
  readonly cwd: string;
  /** Ids of turns and asks that those sessions have. */
  readonly turns: readonly string[];
  readonly asks: readonly string[];
}

/** Those that lead the furthest come more often. */
const often: readonly Operation[] = [
  contract.startTurn,
  contract.startTurn,
  contract.startTurn,
  contract.readEvents,
  contract.answerAsk,
];
const operations: readonly Operation[] = [...Object.values(contract), ...often];
const methods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "PURGE",
  "get",
  "PROPFIND",
] as const;
const dots = [
  "",
  ".",
  "..",
  "%2e%2e",
  "%2F",
  "%",
  "%zz",
  "%00",
  "%ff",
  "%c0%af",
  "a%0d%0aX: y",
  "__proto__",
  "*",
  "\\",
  "ses_",
  ";",
] as const;

const letters = "0123456789abcdefghjkmnpqrstvwxyz";

function idOf(chance: Chance): string {
  const prefix = chance.pick(Object.values(idPrefixes));
  return `${prefix}_${Array.from({ length: 26 }, () => letters[chance.below(32)]).join("")}`;
}

/** No surrogates on their own: they cannot be encoded. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

function segment(chance: Chance, name: string, known: Known): string {
  if (name === "session" && chance.maybe(0.75)) return chance.pick(known.sessions);
  if (name === "turn" && known.turns.length > 0 && chance.maybe(0.6)) return chance.pick(known.turns);
  if (name === "ask" && known.asks.length > 0 && chance.maybe(0.6)) return chance.pick(known.asks);
  if (name === "agent" && chance.maybe(0.5)) return "scripted";
  if (chance.maybe(0.5)) return idOf(chance);
  return chance.maybe(0.6) ? chance.pick(dots) : encoded(textOf(chance)).slice(0, 3_000);
}

const queryNames = [
  "after",
  "limit",
  "waitMs",
  "wait",
  "onDisconnect",
  "config",
  "no_cache",
  "__proto__",
  "q[]",
] as const;
const queryValues = [
  "0",
  "1",
  "2",
  "-1",
  "1e3",
  "999999999999999",
  "99999999999999999999",
  "true",
  "false",
  "yes",
  "",
  "%00",
  "%ff",
  "keep",
  "cancel",
  "NaN",
] as const;

/** Nothing here waits for long by itself: an answer that is late is late for another reason. */
const valueFor = (chance: Chance, name: string): string =>
  name === "waitMs" ? chance.pick(["0", "20", "-5", "x", "30001"]) : chance.pick(queryValues);

function queryOf(chance: Chance): string {
  if (chance.maybe(0.5)) return "";
  const pairs = Array.from({ length: chance.below(4) }, () => {
    const name = chance.pick(queryNames);
    return `${name}=${chance.maybe(0.85) ? valueFor(chance, name) : name === "waitMs" ? "0" : encoded(textOf(chance)).slice(0, 500)}`;
  });
  return `?${pairs.join(chance.maybe(0.95) ? "&" : "?")}`;
}

const prompts = (chance: Chance): unknown =>
  chance.pick<unknown>([
    "Hello",
    [{ type: "text", text: textOf(chance) }],
    [
      { type: "image", data: "AAAA", mimeType: "image/png" },
      { type: "text", text: "see" },
    ],
    [{ type: "resource_link", uri: "file:///x", name: "x" }],
    anyValue(chance, 2),
  ]);

/** What each operation takes, before it is bent. */
const bodies: Readonly<Record<string, (chance: Chance, known: Known) => unknown>> = {
  "POST /v1/sessions": (chance, { cwd }) => ({
    agent: "scripted",
    cwd: chance.pick([cwd, cwd, cwd, cwd, cwd, cwd, "/", "relative", "/nowhere/at/all", `${cwd}\u0000`]),
    title: textOf(chance).slice(0, 600) || "t",
    labels: { one: textOf(chance) },
    policy: { permissions: "ask", deadlineMs: 200, onExpire: "deny", rules: [{ kind: "edit", decision: "deny" }] },
    options: {
      story: { turns: [{ steps: [{ say: textOf(chance) }, chance.maybe(0.7) ? "quote" : anyValue(chance, 2)] }] },
    },
    mcpServers: [{ name: "m", command: "true", args: [], env: [] }],
    secrets: { SCRIPTED_KEY: textOf(chance) },
  }),
  "PATCH /v1/sessions/{session}": (chance) => ({
    title: "Another",
    labels: { a: "b" },
    policy: { permissions: chance.pick(["allow", "deny"]) },
  }),
  "POST /v1/sessions/{session}/turns": (chance) => ({ prompt: prompts(chance), timeoutMs: chance.spread(1, 60_000) }),
  "POST /v1/sessions/{session}/steer": (chance) => ({ prompt: prompts(chance) }),
  "POST /v1/sessions/{session}/fork": (chance) => ({ cursor: chance.spread(1, 1_000), title: "Fork" }),
  "POST /v1/sessions/{session}/asks/{ask}/answer": (chance) =>
    chance.pick<unknown>([{ decision: "allow" }, { option: "x" }, { content: { a: 1 } }]),
};

function bodyOf(chance: Chance, { method, path }: Operation, known: Known): Buffer {
  const share = chance.maybe(0.5) ? 0 : chance.pick([0.03, 0.15]);
  const wanted = bodies[`${method} ${path}`]?.(chance, known) ?? anyValue(chance);
  const bytes = Buffer.from(written(chance, bent(chance, wanted, share)));
  const fate = chance.below(20);
  if (fate === 0) return bytes.subarray(0, chance.below(bytes.length + 1));
  if (fate === 1) return Buffer.concat([bytes, Buffer.from(chance.bytes(chance.below(40)))]);
  if (fate === 2) return Buffer.from(chance.bytes(chance.spread(1, 5_000)));
  if (fate === 3 && chance.maybe(0.2))
    return Buffer.from(`{"prompt":"${"x".repeat(chance.spread(1_000, 3_000_000))}"}`);
  return bytes;
}

const oddValues = ["", ",", ";", "*", '"', "a".repeat(9_000), "\u00e9", "\t", "0", "-1", "null", "%00"] as const;

const headerValues: Readonly<Record<string, readonly string[]>> = {
  accept: [
    "*/*",
    "text/event-stream",
    "application/x-ndjson",
    "application/json",
    "text/html",
    ";q=",
    "application/json;q=0",
    ",,,",
    "text/*;q=0.1",
  ],
  "idempotency-key": ["k1", "k2", "k3", "k".repeat(200), "k".repeat(201), "two words", "\u00e9"],
  "last-event-id": ["0", "1", "2", "-1", "99999999999999999999", "abc", "1,1"],
  origin: ["null", "http://localhost", "http://evil.example", "http://", "x"],
  expect: ["100-continue", "something"],
  "content-encoding": ["identity", "gzip", "br"],
  range: ["bytes=0-1"],
  upgrade: ["websocket", "h2c"],
  cookie: ["a=b"],
  "x-forwarded-host": ["evil.example"],
  "transfer-encoding": ["identity", "gzip", "chunked, chunked"],
  "content-length": ["-1", "1e3", "99999999999999999999", "5, 6"],
};

function headersOf(chance: Chance, { token }: Known): readonly string[] {
  const auth = chance.below(50);
  const lines = [
    `host: ${chance.maybe(0.95) ? "localhost" : chance.pick(["", "a b", "[::1", "evil.example", "user@localhost", "localhost:99999"])}`,
    ...(auth === 0
      ? []
      : [`authorization: ${auth === 1 ? chance.pick(["Bearer", "Bearer x", "Basic eDp5", ""]) : `Bearer ${token}`}`]),
    ...(chance.maybe(0.9) ? ["connection: close"] : []),
  ];
  while (chance.maybe(0.45)) {
    const name = chance.pick(Object.keys(headerValues));
    // Those that say where a request ends are bent more seldom, or nothing behind them would be reached.
    if (/^(transfer|content-l|expect|upgrade)/.test(name) && !chance.maybe(0.15)) continue;
    lines.push(`${name}: ${chance.maybe(0.85) ? chance.pick(headerValues[name] ?? [""]) : chance.pick(oddValues)}`);
  }
  return lines;
}

function framed(chance: Chance, body: Buffer): { readonly headers: readonly string[]; readonly bytes: Buffer } {
  const type = chance.maybe(0.92)
    ? "application/json"
    : chance.pick(["text/plain", "application/json; charset=latin1", "", ";"]);
  if (chance.maybe(0.85)) {
    const declared = chance.maybe(0.97) ? body.length : body.length + chance.spread(1, 40_000_000);
    return { headers: [`content-type: ${type}`, `content-length: ${declared}`], bytes: body };
  }
  const cut = chance.below(body.length + 1);
  const parts = [body.subarray(0, cut), body.subarray(cut)].filter((part) => part.length > 0);
  const chunks = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
  const last = chance.maybe(0.95) ? "0\r\n\r\n" : chance.pick(["0\r\n", "zz\r\n\r\n", "-1\r\n"]);
  return {
    headers: [`content-type: ${type}`, "transfer-encoding: chunked"],
    bytes: Buffer.concat([...chunks, Buffer.from(last)]),
  };
}

function requestOf(chance: Chance, known: Known): { readonly line: string; readonly bytes: Buffer } {
  const one = chance.pick(operations);
  // The few sessions that are known are worth keeping for a while.
  const isRemoval = one.method === "DELETE" && !chance.maybe(0.1);
  const method = chance.maybe(0.93) && !isRemoval ? one.method : chance.pick(methods);
  const path = one.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(chance, name, known));
  const target = chance.maybe(0.97)
    ? path + queryOf(chance)
    : chance.pick(["*", "//", "http://evil.example/v1/health", "/\u00e9", "/v1/../v1/health", "?", "/#x"]);
  const line = `${method} ${target} HTTP/${chance.maybe(0.97) ? "1.1" : chance.pick(["1.0", "0.9", "2.0", "x"])}`;
  const hasBody = one.body !== undefined || chance.maybe(0.1);
  const body = hasBody ? framed(chance, bodyOf(chance, one, known)) : { headers: [], bytes: Buffer.alloc(0) };
  const head = [line, ...headersOf(chance, known), ...body.headers, "", ""].join("\r\n");
  return { line, bytes: Buffer.concat([Buffer.from(head, "latin1"), body.bytes]) };
}

function garbage(chance: Chance, known: Known): Buffer {
  const whole = requestOf(chance, known).bytes;
  switch (chance.below(6)) {
    case 0:
      return Buffer.from(chance.bytes(chance.spread(1, 3_000)));
    case 1:
      return whole.subarray(0, chance.below(whole.length + 1));
    case 2: {
      const bitten = Buffer.from(whole);
      for (let bites = chance.spread(1, 12); bites > 0; bites--)
        bitten[chance.below(bitten.length)] = chance.below(256);
      return bitten;
    }
    case 3:
      return Buffer.from(`GET / HTTP/1.1\r\n${"x: y\r\n".repeat(chance.spread(1, 5_000))}\r\n`);
    case 4:
      return Buffer.from(`GET /${"a".repeat(chance.spread(1, 60_000))} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    default:
      return Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0016\u0003\u0001\u0002", "latin1");
  }
}

export function sentOf(chance: Chance, known: Known): Sent {
  const kind = chance.below(20);
  if (kind < 2) return { what: "garbage", bytes: garbage(chance, known), ends: true, answers: 1 };
  if (kind === 2) {
    const several = Array.from({ length: chance.spread(2, 6) }, () => requestOf(chance, known));
    const bytes = Buffer.concat(several.map((one) => one.bytes));
    return { what: `${several.length} at once: ${several[0]?.line}`, bytes, ends: true, answers: several.length };
  }
  const { line, bytes } = requestOf(chance, known);
  return { what: line, bytes, ends: chance.maybe(0.5), answers: 1 };
}
