/**
 * @module TensorBoard's event files, written by hand: records of Event protobufs (scalars, histograms, images), so that
 * TensorBoard shows a run while it lasts. Concatenate what these functions return; `firstEvent` comes first.
 *
 * Source: TensorFlow's `core/util/event.proto`, `core/framework/summary.proto` and `core/lib/io/record_writer.cc`.
 */
import { crc32By } from "../util/crc.js";
import { joinBytes } from "../util/join-arrays.js";

/** The record with which an event file begins. */
export const firstEvent = (wallSeconds: number): Uint8Array => record(event(wallSeconds, 0, [text(3, "brain.Event:2")]));

/** One event with a scalar for each name: `{ "train/loss": 0.3 }`. `wallSeconds` is the time since 1970. */
export function scalarsEvent(wallSeconds: number, step: number, values: Readonly<Record<string, number>>): Uint8Array {
  const summary = Object.entries(values).map(([tag, value]) => message(1, [text(1, tag), float(2, value)]));
  return record(event(wallSeconds, step, [message(5, summary)]));
}

/** One event with a picture that is a PNG already. */
export function imageEvent(
  wallSeconds: number,
  step: number,
  tag: string,
  image: { readonly width: number; readonly height: number; readonly channels: 1 | 3 | 4; readonly png: Uint8Array },
): Uint8Array {
  const fields = [varint(1, image.height), varint(2, image.width), varint(3, image.channels), bytes(4, image.png)];
  return record(event(wallSeconds, step, [message(5, [message(1, [text(1, tag), message(4, fields)])])]));
}

/** One event with a histogram of the finite values, in buckets of equal width. */
export function histogramEvent(
  wallSeconds: number,
  step: number,
  tag: string,
  values: ArrayLike<number>,
  buckets = 30,
): Uint8Array {
  let count = 0;
  let [minimum, maximum, sum, squares] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    count++;
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    sum += value;
    squares += value * value;
  }
  if (count === 0) [minimum, maximum] = [0, 0];
  // A bucket holds values up to its limit; equal values still need one of some width.
  const width = (maximum - minimum) / buckets || Math.abs(maximum) * 1e-6 || 1e-12;
  const counts = new Float64Array(buckets);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    const bucket = Math.min(buckets - 1, Math.floor((value - minimum) / width));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  const limits = Float64Array.from({ length: buckets }, (_, i) => (i === buckets - 1 ? maximum : minimum + (i + 1) * width));
  const histogram = [
    double(1, minimum),
    double(2, maximum),
    double(3, count),
    double(4, sum),
    double(5, squares),
    doubles(6, limits),
    doubles(7, counts),
  ];
  return record(event(wallSeconds, step, [message(5, [message(1, [text(1, tag), message(5, histogram)])])]));
}

const event = (wallSeconds: number, step: number, what: readonly Uint8Array[]): Uint8Array =>
  joinBytes([double(1, wallSeconds), ...(step === 0 ? [] : [varint(2, step)]), ...what]);

/** TFRecord: length, its checksum, the data, its checksum; all little-endian. */
function record(data: Uint8Array): Uint8Array {
  const framed = new Uint8Array(data.length + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(framed.subarray(0, 8)), true);
  framed.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return framed;
}

/** CRC-32C, by the Castagnoli polynomial (RFC 3720, appendix B.4). */
export const crc32c = crc32By(0x82f63b78);

/** Rotated and shifted, so that the checksum of data that holds checksums stays meaningful. */
function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Protobuf's wire format, as far as these messages use it.
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function varintBytes(value: number): number[] {
  const encoded: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) encoded.push((rest % 128) | 128);
  return [...encoded, rest];
}

const tag = (field: number, wireType: number): number => (field << 3) | wireType;
const varint = (field: number, value: number): Uint8Array => Uint8Array.of(tag(field, VARINT), ...varintBytes(value));

function float(field: number, value: number): Uint8Array {
  const encoded = new Uint8Array(5);
  encoded[0] = tag(field, FIXED32);
  new DataView(encoded.buffer).setFloat32(1, value, true);
  return encoded;
}

function double(field: number, value: number): Uint8Array {
  const encoded = new Uint8Array(9);
  encoded[0] = tag(field, FIXED64);
  new DataView(encoded.buffer).setFloat64(1, value, true);
  return encoded;
}

const bytes = (field: number, content: Uint8Array): Uint8Array =>
  joinBytes([Uint8Array.of(tag(field, LENGTH_DELIMITED), ...varintBytes(content.length)), content]);
const text = (field: number, content: string): Uint8Array => bytes(field, new TextEncoder().encode(content));
const message = (field: number, fields: readonly Uint8Array[]): Uint8Array => bytes(field, joinBytes(fields));

function doubles(field: number, values: Float64Array): Uint8Array {
  const packed = new Uint8Array(values.length * 8);
  const view = new DataView(packed.buffer);
  values.forEach((value, i) => view.setFloat64(i * 8, value, true));
  return bytes(field, packed);
}
