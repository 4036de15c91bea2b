import assert from "node:assert/strict";
import { test } from "node:test";
import { expectMatches, matchesPath, splitPatterns } from "./patterns.js";

const PATHS = Array.from({ length: 12 }, (_, i) => `encoder.layer.${i}.weight`);
const matched = (pattern: string): number[] => PATHS.flatMap((path, i) => (matchesPath(pattern, path) ? [i] : []));

test("patterns match whole names: any characters, one, one of a set, one of several, a row of numbers, regular expressions", () => {
  assert.deepEqual(matched("encoder.layer.1*"), [1, 10, 11]);
  assert.deepEqual(matched("encoder.layer.?.weight"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(matched("encoder.layer.[0-2].*"), [0, 1, 2]);
  assert.deepEqual(matched("encoder.layer.[!0-7].*"), [8, 9]);
  assert.deepEqual(matched("*.{1,11}.*"), [1, 11]);
  assert.deepEqual(matched("*.{8..10}.weight"), [8, 9, 10]);
  assert.deepEqual(matched("/\\.1\\d\\./"), [10, 11]);
  assert.deepEqual(matched("encoder.layer.1"), []);
  assert.deepEqual(matched("encoder?layer?1?weight"), [1]);
  assert.ok(matchesPath("a[b", "a[b") && !matchesPath("a.b", "axb"));
  assert.throws(() => matchesPath("/(/", "a"), {
    name: "ConfigError",
    message: /pattern \/\(\/: expected .* regular expression/,
  });
});

test("patterns of a command line are parted by commas, but for those in braces", () => {
  assert.deepEqual(splitPatterns("a.*, b.{1,2}.c,/d{2,3}/,"), ["a.*", "b.{1,2}.c", "/d{2,3}/"]);
  assert.deepEqual(splitPatterns(""), []);
});

test("a pattern without a match is refused with the nearest name, or with the parts there are", () => {
  const refused = (pattern: string, message: RegExp): void =>
    assert.throws(() => expectMatches("--freeze", [pattern], PATHS), { name: "ConfigError", message });
  expectMatches("--freeze", ["encoder.*", "*.{3,4}.*"], PATHS);
  refused("encodr.*", /--freeze: .*"encodr\.\*", which matches nothing; did you mean "encoder\.\*"\?/);
  refused("encoder.layer.3.weigth", /did you mean "encoder\.layer\.3\.weight"\?/);
  refused("layer.3.*", /did you mean "\*\.layer\.3\.\*"\?/);
  refused("decoder-of-sorts", /the model's parts are encoder\.layer\.0, encoder\.layer\.1, /);
});
