/**
 * @module Bodies of requests, read with bounds: on their size before they are in memory, and on the time that a slow sender may take.
 */
import { HttpError } from "./http-error.js";
import { joinBytes } from "../util/join-arrays.js";
import { shown } from "./shown.js";

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

/** All bytes of a stream, as far as it may be long, until `expired` rejects; `got` is what a longer one is called. */
async function allBytes(
  stream: ReadableStream<Uint8Array>,
  most: number,
  got: string,
  expired: Promise<never>,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), expired]);
      if (done) return joinBytes(parts);
      length += value.length;
      if (length > most) throw tooLarge(most, got);
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    throw error;
  }
}

/** HttpError as it is; what a stream fails with as the sender's fault. */
const asSenders = (cause: unknown, message: string): HttpError =>
  cause instanceof HttpError ? cause : new HttpError(400, message, { cause });

/** The bytes of a body as they were sent. */
async function sentBody(request: Request, { maxBodyBytes, bodyTimeoutMs }: BodyLimits): Promise<Uint8Array<ArrayBuffer>> {
  const announced = announcedLength(request, maxBodyBytes);
  if (announced !== undefined && !request.headers.has("transfer-encoding"))
    return announcedBody(request, announced, bodyTimeoutMs);
  if (request.body === null) return new Uint8Array();
  const { expired, stop } = deadline(bodyTimeoutMs);
  try {
    const bytes = await allBytes(request.body, maxBodyBytes, "more", expired);
    if (announced === undefined || announced === bytes.length) return bytes;
    throw new HttpError(400, `body: expected the ${announced} bytes that were announced, got ${bytes.length}`);
  } catch (error) {
    throw asSenders(error, "body: expected all of it, got a part");
  } finally {
    stop();
  }
}

/** Unpacks bytes as far as they may be large: a few can stand for very many. */
async function unpacked(
  bytes: Uint8Array<ArrayBuffer>,
  format: CompressionFormat,
  { maxBodyBytes, bodyTimeoutMs }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const { expired, stop } = deadline(bodyTimeoutMs);
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
    return await allBytes(stream, maxBodyBytes, "more once it is unpacked", expired);
  } catch (error) {
    throw asSenders(error, `body: expected ${format}, as content-encoding says, got something else`);
  } finally {
    stop();
  }
}

/**
 * All bytes of a body, unpacked where `content-encoding` says gzip or deflate.
 *
 * Errors: HttpError 413 for more bytes than allowed, packed or not, 408 for a sender that takes too long, 400 for a body that is cut short or not as it was
 * packed, 415 for another packing.
 */
export async function readBody(request: Request, limits: BodyLimits = BODY_LIMITS): Promise<Uint8Array<ArrayBuffer>> {
  const coding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (coding === "identity" || coding === "") return sentBody(request, limits);
  if (coding !== "gzip" && coding !== "deflate")
    throw new HttpError(415, `content-encoding: expected gzip or deflate, got ${shown(coding)}; send the body as it is`, {
      headers: { "accept-encoding": "gzip, deflate" },
    });
  return unpacked(await sentBody(request, limits), coding, limits);
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
