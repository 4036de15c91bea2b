/**
 * @module The scope in which a node is made: the path that error messages, costs and summaries name. `Module` enters
 * and leaves scopes around `forward`; tracing is synchronous, so a plain stack is enough.
 */
const stack: string[] = [];

/** The path of the innermost module whose `forward` is running, or the empty string. */
export const currentScope = (): string => stack[stack.length - 1] ?? "";

/** Runs `body` with nodes marked as made at `path`. */
export function withScope<T>(path: string, body: () => T): T {
  stack.push(path);
  try {
    return body();
  } finally {
    stack.pop();
  }
}

/** The scope of an optimizer's update: no module's path, since these have no parentheses. */
export const OPTIMIZER_SCOPE = "(optimizer)";
