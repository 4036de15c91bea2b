/**
 * @module Latency and memory of a model in use, measured in a process of its own, so that nothing else counts.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { DType, TensorData } from "../graph/index.js";
import { fromNumbers } from "../graph/index.js";
import { DescentError } from "../util/errors.js";
import type { UseFigures } from "./figures.js";

/** A column as processes hand it over. */
export interface SentColumn {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A request: the file, and 32 rows of its inputs. */
export interface UseRequest {
  readonly file: string;
  readonly columns: Readonly<Record<string, SentColumn>>;
  readonly threads: number | undefined;
}

export type UseReply = UseFigures | { readonly error: string };

export const received = ({ dtype, shape, values }: SentColumn): TensorData => fromNumbers(dtype, shape, values);

/** Measures latency, memory and energy. Errors: DescentError, with what the process said. */
export function measureUse(request: UseRequest): Promise<UseFigures> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("./latency-memory-process-node.js", import.meta.url)), {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const fail = (what: string): void => reject(new DescentError(`compare: ${request.file}: ${what}`));
    child.on("message", (reply: UseReply) => {
      if ("error" in reply) fail(reply.error);
      else resolve(reply);
      child.disconnect();
    });
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code) => fail(`expected figures, got an end with status ${code}`));
    child.send(request);
  });
}
