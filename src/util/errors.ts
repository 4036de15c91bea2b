/**
 * @module The few kinds of error that Descent raises. Each message is one line: `where: expected X, got Y; remedy`.
 */

// Control characters, and those that turn the direction of writing: names and texts of strangers stand in messages.
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g;

/** What a message has at most: a stranger's name may be a megabyte long. */
const MAX_MESSAGE = 4000;

/** A message as one line without control characters: line breaks become spaces, others are written as `\x1b`. */
const oneLine = (message: string): string =>
  (message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`)
    .replaceAll(/\s*[\n\r]\s*/g, " ")
    .replaceAll(UNPRINTABLE, (c) => (c === "\t" ? " " : `\\x${(c.codePointAt(0) as number).toString(16).padStart(2, "0")}`));

/** Anything that Descent reports on purpose; the command line prints its message and nothing else. */
export class DescentError extends Error {
  /** What the command line exits with: 2 for bad input or usage, 1 for a failure of ours or of the machine. */
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
export class UnsupportedOpError extends DescentError {}

/** A gradient was asked for through an op that has none; the message gives the table's reason. */
export class NoGradientError extends DescentError {}

/** The engine refused a graph, or failed while it ran one. */
export class SessionError extends DescentError {}

/** An option, file or value from outside that is not what was expected. */
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
