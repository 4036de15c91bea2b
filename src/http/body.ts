/**
 * @module Bodies of requests, read with bounds: on their size before they are in memory, and on the time that a slow sender may take.
 */
import { HttpError } from "./http-error.js";
import { joinBytes } from "../util/join-arrays.js";

/** The bounds of a body. */
export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** A body that has not arrived by then is given up. */
  readonly bodyTimeoutMs: number;
}

export const BODY_LIMITS: BodyLimits = { maxBodyBytes: 16 * 2 ** 20, bodyTimeoutMs: 30_000 };

const tooLarge = (most: number, got: string): HttpError =>
  new HttpError(413, `body: expected at most ${most} bytes, got ${got}; send less at once`);

/** The length that the sender announced; undefined where he did not. HttpError 413 where it is too large, 400 where it is not a number. */
function announcedLength(request: Request, most: number): number | undefined {
  const header = request.headers.get("content-length");
  if (header === null) return undefined;
  const length = Number(header);
  if (!/^\d+$/.test(header) || !Number.isSafeInteger(length))
    throw new HttpError(400, "content-length: expected a number of bytes, got something else");
  if (length > most) throw tooLarge(most, String(length));
  return length;
}

/** Rejects after so many milliseconds, until it is stopped. */
function deadline(ms: number): { readonly expired: Promise<never>; readonly stop: () => void } {
  let stop = (): void => undefined;
  const expired = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new HttpError(408, `body: expected it within ${ms} ms, got only a part`)), ms);
    stop = () => clearTimeout(timer);
  });
  return { expired, stop };
}

/** A body whose length is known: read at once, for which servers have a short way. */
async function announcedBody(request: Request, length: number, timeoutMs: number): Promise<Uint8Array<ArrayBuffer>> {
  const { expired, stop } = deadline(timeoutMs);
  const reading = request.arrayBuffer().catch((cause: unknown) => {
    throw new HttpError(400, "body: expected all of it, got a part", { cause });
  });
  try {
    const bytes = new Uint8Array(await Promise.race([reading, expired]));
    if (bytes.length === length) return bytes;
    throw new HttpError(400, `body: expected the ${length} bytes that were announced, got ${bytes.length}`);
  } finally {
    reading.catch(() => undefined);
    stop();
  }
}

/**
 * All bytes of a body.
 *
 * Errors: HttpError 413 for more bytes than allowed, 408 for a sender that takes too long, 400 for a body that is cut short.
 */
export async function readBody(request: Request, limits: BodyLimits = BODY_LIMITS): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBodyBytes, bodyTimeoutMs } = limits;
  const announced = announcedLength(request, maxBodyBytes);
  if (announced !== undefined && !request.headers.has("transfer-encoding"))
    return announcedBody(request, announced, bodyTimeoutMs);
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  if (reader === undefined) return new Uint8Array();
  const { expired, stop } = deadline(bodyTimeoutMs);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), expired]);
      if (done) break;
      length += value.length;
      if (length > maxBodyBytes) throw tooLarge(maxBodyBytes, "more");
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "body: expected all of it, got a part", { cause: error });
  } finally {
    stop();
  }
  if (announced !== undefined && announced !== length)
    throw new HttpError(400, `body: expected the ${announced} bytes that were announced, got ${length}`);
  return joinBytes(parts);
}

/** A part of a form: a text, or a file's bytes. */
export interface FormPart {
  readonly name: string;
  readonly value: string | Uint8Array;
}

/** The parts of a `multipart/form-data` body. HttpError 400 for one that is none. */
export async function formParts(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormPart[]> {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw new HttpError(400, "body: expected multipart/form-data, got a body that is none", { cause });
  }
  const entries: [string, FormDataEntryValue][] = [];
  form.forEach((value, name) => entries.push([name, value]));
  return Promise.all(
    entries.map(async ([name, value]) => ({
      name,
      value: typeof value === "string" ? value : new Uint8Array(await value.arrayBuffer()),
    })),
  );
}
