/**
 * @module A request's trace as the handler sees it, whatever records it.
 */

/** Facts of a span by their names in OpenTelemetry's conventions. */
export type TraceFacts = Readonly<Record<string, string | number>>;

/** The trace of one request. Times are in milliseconds since 1970. */
export interface RequestTrace {
  readonly traceId: string;
  /** Records a part that is over. */
  part(name: string, startedAt: number, endedAt: number, facts?: TraceFacts): void;
  end(route: string, status: number, facts: TraceFacts): void;
}

/** Starts traces; undefined where nothing records them. */
export interface Tracing {
  start(method: string, headers: Headers): RequestTrace | undefined;
}

/** When the engine began with a call, and when it ended, in milliseconds since 1970. */
export interface Timing {
  readonly startedAt: number;
  readonly endedAt: number;
}
