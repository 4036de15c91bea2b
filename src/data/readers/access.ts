/**
 * @module Files that a query may read.
 */

/** The files that a connection may read; without any, nothing outside itself. */
export interface Access {
  /** These files, by their literal names. */
  readonly files?: readonly string[];
  /** All files below these folders. */
  readonly folders?: readonly string[];
  /** The memory limit; half of the free memory if left out. */
  readonly memoryMiB?: number;
  /** Aborts a running query within milliseconds. */
  readonly signal?: AbortSignal | undefined;
}
