/**
 * @module Server-sent events: an answer as it comes. Source: WHATWG HTML, section 9.2.
 */
import { failureOf } from "../http/http-error.js";

/** Writes one event. */
export type SendEvent = (data: unknown) => void;

/**
 * A response whose events `write` sends. Its signal is aborted when the reader leaves; a failure on the way is the last event, since the status is sent
 * already.
 */
export function eventStream(
  write: (send: SendEvent, signal: AbortSignal) => Promise<void>,
  end: () => void,
  failed: (error: unknown) => void,
): Response {
  const controller = new AbortController();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      const send: SendEvent = (data) => {
        if (!controller.signal.aborted)
          stream.enqueue(encoder.encode(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`));
      };
      try {
        await write(send, controller.signal);
      } catch (error) {
        const { message, code, status } = failureOf(error);
        if (status >= 500) failed(error);
        send({ error: { message, code, type: status < 500 ? "invalid_request_error" : "server_error", param: null } });
      } finally {
        end();
        if (!controller.signal.aborted) {
          send("[DONE]");
          stream.close();
        }
      }
    },
    cancel() {
      controller.abort(new DOMException("the reader left", "AbortError"));
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" },
  });
}
