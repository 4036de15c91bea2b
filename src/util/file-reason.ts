/**
 * @module Why a file or a folder could not be had, in words rather than in the system's code.
 */
import { own } from "./record.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the disk can only be read",
  EISDIR: "a folder",
  ENOTDIR: "a part of its path is not a folder",
  EEXIST: "a file of that name",
  EMFILE: "too many open files; raise the limit (ulimit -n)",
  ENFILE: "too many open files in the whole system",
  ENOSPC: "a full disk",
  EDQUOT: "an exhausted disk quota",
  ELOOP: "links that lead in a circle",
  ENAMETOOLONG: "a name that is too long",
};

/** Tells whether an error is a file error of the system for which we have words. */
export const isFileError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string" && error.code in REASONS;

/** The system's error in words, or its own message where there are none. */
export function fileReason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return own(REASONS, code ?? "") ?? message;
}
