/**
 * @module The few kinds of error that Descent raises. Each message is one line: `where: expected X, got Y; remedy`.
 */
import { printableLine } from "./terminal.js";

/** The longest message, in characters: a name in somebody's file may be a megabyte long. */
const MAX_MESSAGE = 4000;

/** A message as one line that a terminal only shows: line breaks become spaces, other control characters escapes. */
const oneLine = (message: string): string =>
  printableLine(
    (message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`).replaceAll(/\s*[\n\r]\s*|\t/g, " "),
  );

/** Anything that Descent reports on purpose; the command line prints its message and nothing else. */
export class DescentError extends Error {
  /** Exit code of the command line: 2 for bad input or usage, 1 for a failure of ours or of the machine. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options?: { cause?: unknown; exitCode?: 1 | 2 }) {
    super(oneLine(message), options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.exitCode = options?.exitCode ?? 1;
  }
}

/** Shapes that do not fit: names the op, the layer's path and both shapes. */
export class ShapeError extends DescentError {
  constructor(message: string) {
    super(message, { exitCode: 2 });
  }
}

/** An operand of a type that the op does not take. Descent never promotes silently. */
export class DTypeError extends DescentError {
  constructor(message: string) {
    super(message, { exitCode: 2 });
  }
}

/** An op that is not in the table, or that a device cannot run. */
export class UnsupportedOpError extends DescentError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** A gradient was asked for through an op that has none; the message gives the table's reason. */
export class NoGradientError extends DescentError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** The engine refused a graph, or failed while it ran one. */
export class SessionError extends DescentError {}

/** The error for using what was disposed: a message that names it. */
export const afterDispose = (what: string): SessionError =>
  new SessionError(`${what}: expected one in use, got one that was disposed`);

/** An error's message about a file as a clause of a sentence about it: "it uses an op …", "its node …". */
export const reasonOf = ({ message }: Error, where: string): string =>
  message.replace(`${where}: node `, "its node ").replace(`${where}: `, "it ");

/** An option, file or value from outside that is not as expected. */
export class ConfigError extends DescentError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** Data that cannot be read as what it claims to be: file, row or field named. */
export class DataError extends DescentError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, { ...options, exitCode: 2 });
  }
}
