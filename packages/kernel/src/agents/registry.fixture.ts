/** A small npm registry on loopback whose packages are written down in tests; it can hold its answers back, cut them, and lie. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface FakePackage {
  readonly name: string;
  readonly version: string;
  readonly files?: Readonly<Record<string, string>>;
  /** More of its package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export interface Registry extends AsyncDisposable {
  readonly url: string;
  /** Every path that was asked for. */
  readonly asked: readonly string[];
  readonly tarballs: () => readonly string[];
  /** What happens to a tarball: sent, never finished, cut in the middle, or other bytes than promised. */
  tarball: "whole" | "held" | "cut" | "false";
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;

/** One entry of a ustar archive. */
function entry(path: string, text: string): Buffer {
  const header = Buffer.alloc(512);
  const body = Buffer.from(text);
  header.write(path, 0, 100);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(body.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(octal(sum, 7), 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

const manifestOf = ({ name, version, manifest }: FakePackage) => ({ name, version, ...manifest });

function pack(one: FakePackage): Buffer {
  const files = { "package.json": JSON.stringify(manifestOf(one)), ...one.files };
  const entries = Object.entries(files).map(([path, text]) => entry(`package/${path}`, text));
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
}

const tarballPath = ({ name, version }: FakePackage): string => `/-/${encodeURIComponent(name)}-${version}.tgz`;

export async function openRegistry(packages: readonly FakePackage[]): Promise<Registry> {
  const asked: string[] = [];
  const tarballs = new Map(packages.map((one) => [tarballPath(one), pack(one)]));
  const state = { tarball: "whole" as Registry["tarball"] };
  const server = createServer(({ url: path = "" }, response) => {
    asked.push(path);
    const bytes = tarballs.get(path);
    if (bytes) return sendTarball(bytes, response);
    const versions = packages.filter(({ name }) => decodeURIComponent(path.slice(1)) === name);
    if (versions.length === 0) return void response.writeHead(404, { "content-type": "application/json" }).end("{}");
    const described = versions.map((one) => [one.version, { ...manifestOf(one), dist: distOf(one) }]);
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name: versions[0]?.name,
        "dist-tags": { latest: versions.at(-1)?.version },
        versions: Object.fromEntries(described),
      }),
    );
  });
  const sendTarball = (bytes: Buffer, response: ServerResponse) => {
    const sent = state.tarball === "false" ? gzipSync("not what was promised") : bytes;
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": sent.length });
    if (state.tarball === "held") return void response.write(sent.subarray(0, 20));
    if (state.tarball === "cut") return void response.write(sent.subarray(0, 20), () => response.destroy());
    response.end(sent);
  };
  const distOf = (one: FakePackage) => ({
    tarball: `${url}${tarballPath(one)}`,
    integrity: `sha512-${createHash("sha512")
      .update(tarballs.get(tarballPath(one)) ?? "")
      .digest("base64")}`,
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    tarballs: () => asked.filter((path) => path.endsWith(".tgz")),
    get tarball() {
      return state.tarball;
    },
    set tarball(wanted) {
      state.tarball = wanted;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
