/** The words in which a workspace refuses a path. */
import { Fault } from "@corral/protocol";

export const fileMissing = (path: string): Fault =>
  new Fault("file.missing", { detail: `There is no file ${path}.`, more: { path } });

export const fileRefused = (path: string, why: string, cause?: unknown): Fault =>
  new Fault("file.refused", { detail: `${path} cannot be used: ${why}.`, more: { path }, cause });

export const pathEscapes = (path: string): Fault =>
  new Fault("workspace.escape", {
    detail: `${path} leads out of the workspace.`,
    help: "Name a path inside the workspace, relative to it or absolute.",
    more: { path },
  });

export const workspaceMissing = (root: string, why: string): Fault =>
  new Fault("workspace.missing", {
    detail: `The workspace ${root} cannot be used: ${why}.`,
    help: "Create the directory, or name another one by its absolute path.",
    more: { root },
  });

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "its file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENAMETOOLONG: "a name in it is too long",
  ENOTDIR: "a name in it stands for a file",
  EISDIR: "it is a directory",
  ELOOP: "its links change or go round in circles",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/** What the system said, as a fault that does not tell by what way the file was reached; a surprise stays what it is. */
export function asFault(path: string, error: unknown, whenGone: (path: string) => Fault = fileMissing): unknown {
  const code = errorCode(error);
  if (error instanceof Fault || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return code === "ENOENT" ? whenGone(path) : fileRefused(path, reasons[code] ?? code, error);
}

/** A file that is to be made cannot be missing; its directory can. */
export const directoryGone = (path: string): Fault => fileRefused(path, "its directory was removed meanwhile");
