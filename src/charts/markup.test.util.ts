/** @module A check for tests: markup whose tags match, whose attributes are quoted, and whose text is escaped. */

const VOID = new Set(["meta", "input", "img", "br", "link"]);
const TAG = /^<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/;
const NOT_ESCAPED = /&(?!(?:amp|lt|gt|quot|#39);)/;
// oxlint-disable-next-line no-control-regex -- these may not stand in XML
const CONTROL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F]/;

/** Throws at the first tag that does not match or text that is not escaped. */
export function checkMarkup(markup: string): void {
  const open: string[] = [];
  let at = 0;
  const expect = (condition: boolean, what: string): void => {
    if (!condition) throw new Error(`${what}, around ${markup.slice(Math.max(0, at - 60), at + 120)}`);
  };
  while (at < markup.length) {
    const next = markup.indexOf("<", at);
    const text = markup.slice(at, next < 0 ? markup.length : next);
    expect(open.at(-1) === "style" || !NOT_ESCAPED.test(text), "text is not escaped");
    expect(!CONTROL.test(text), "text has control characters");
    if (next < 0) break;
    at = next;
    if (markup.startsWith("<!doctype html>", at)) {
      at += "<!doctype html>".length;
      continue;
    }
    const [whole = "", closing, name = "", attributes = "", selfClosing] = TAG.exec(markup.slice(at)) ?? [];
    expect(whole !== "", "not a tag");
    expect(!NOT_ESCAPED.test(attributes) && !CONTROL.test(attributes), "an attribute is not escaped");
    if (closing === "/") expect(open.pop() === name, "a tag does not match");
    else if (selfClosing === "" && !VOID.has(name)) open.push(name);
    at += whole.length;
  }
  expect(open.length === 0, `not closed: ${open.join(", ")}`);
}
