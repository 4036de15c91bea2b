import assert from "node:assert/strict";
import { test } from "node:test";
import { shadedText } from "./text.js";

const plain = (html: string): string => html.replaceAll(/<[^>]+>/g, "");

test("tokens are shaded by sign and strength, the text stays whole, markup in it is escaped", () => {
  const html = shadedText("a <b> 很好", Int32Array.of(0, 1, 2, 5, 6, 7, 7, 8), [0, -2, 1, 0.01]);
  assert.equal(plain(html), "a &lt;b&gt; 很好");
  assert.match(html, /rgba\(37,99,235,0\.75\)[^>]*>&lt;b&gt;<\/span> <span[^>]*rgba\(234,88,12,0\.38\)[^>]*>很<\/span>好/);
});

test("what the model did not see is left out; places of bytes and of the template do no harm", () => {
  // [CLS], three bytes of one character, a cut text.
  assert.equal(plain(shadedText("好 and more", Int32Array.of(0, 0, 0, 1, 0, 1, 0, 1), [9, 1, 1, 1])), "好 …");
  assert.equal(plain(shadedText("untold", Int32Array.of())), "untold");
});
