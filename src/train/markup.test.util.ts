/** @module A check for tests: markup whose tags match, whose attributes are quoted, and whose text is escaped. */
import assert from "node:assert/strict";

const VOID = new Set(["meta", "input", "img", "br", "link"]);
const TAG = /^<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/;
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/;

/** Fails at the first tag that does not match or text that is not escaped. */
export function checkMarkup(markup: string): void {
  const open: string[] = [];
  let at = 0;
  while (at < markup.length) {
    const next = markup.indexOf("<", at);
    const text = markup.slice(at, next < 0 ? markup.length : next);
    const raw = open.at(-1) === "style";
    if (!raw) {
      assert.doesNotMatch(text, ENTITY);
      // oxlint-disable-next-line no-control-regex -- these may not stand in XML
      assert.doesNotMatch(text, /[\u0000-\u0008\u000B\u000C\u000E-\u001F]/);
    }
    if (next < 0) break;
    if (markup.startsWith("<!doctype html>", next)) {
      at = next + 15;
      continue;
    }
    const tag = TAG.exec(markup.slice(next, next + 100_000));
    assert.ok(tag !== null, `not a tag: ${markup.slice(next, next + 80)}`);
    const [whole, closing, name, attributes, selfClosing] = tag as unknown as [string, string, string, string, string];
    assert.doesNotMatch(attributes, ENTITY);
    if (closing === "/") assert.equal(open.pop(), name, `around ${markup.slice(next - 60, next + 20)}`);
    else if (selfClosing === "" && !VOID.has(name)) open.push(name);
    at = next + whole.length;
  }
  assert.deepEqual(open, []);
}
