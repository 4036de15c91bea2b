/**
 * @module The id of a request, which its answer, its log line and its failure share.
 */

/** The id that the sender gave, where it is a plain word, or a new one. */
export function requestId(headers: Headers): string {
  const given = headers.get("x-request-id");
  return given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
