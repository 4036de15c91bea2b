import assert from "node:assert/strict";
import test from "node:test";
import { Random } from "../../util/random.js";
import { Automaton, TokenConstraint, TokenTree } from "./automaton.js";
import { ANY_OBJECT, schemaGrammar } from "./json-schema.js";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Whether a grammar allows exactly this text. */
function allows(schema: unknown, text: string): boolean {
  const automaton = new Automaton(schema === "object" ? ANY_OBJECT : schemaGrammar(schema));
  let state: ReturnType<Automaton["step"]> = automaton.start;
  for (const byte of encode(text)) {
    state = automaton.step(state, byte);
    if (state === null) return false;
  }
  return state.mayEnd;
}

test("a schema allows its own JSON and no other", () => {
  const person = {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 3 },
      age: { type: "integer" },
      tags: { type: "array", items: { enum: ["a", "b"] }, maxItems: 2 },
    },
    required: ["name"],
    additionalProperties: false,
  };
  const cases: [unknown, string[], string[]][] = [
    [
      person,
      ['{"name":"Ann"}', '{"name": "好人", "age": -12, "tags": ["a", "b"]}', '{"name":"\\n","tags":[]}'],
      [
        "{}",
        '{"name":"Anna"}',
        '{"name":""}',
        '{"name":"A","age":01}',
        '{"name":"A","tags":["a","b","a"]}',
        '{"age":1,"name":"A"}',
        '{"name":"A",}',
        '{"name":"A","x":1}',
      ],
    ],
    [{ type: ["number", "null"] }, ["1.5e-3", "-0", "null"], ["1.", "--1", "nul", "+1", "NaN"]],
    [{ anyOf: [{ const: { a: [1] } }, { type: "boolean" }] }, ['{"a":[1]}', "true"], ['{"a": [1]}', "tru"]],
    [{ type: "integer", minimum: -1, maximum: 2 }, ["-1", "0", "2"], ["3", "-2", "00"]],
    [
      { type: "array", items: { type: "boolean" }, minItems: 2 },
      ["[true,false]", "[true, true, true]"],
      ["[]", "[true]", "[true,]"],
    ],
    [
      {
        $ref: "#/$defs/tree",
        $defs: {
          tree: {
            type: "object",
            properties: { v: { type: "integer" }, c: { type: "array", items: { $ref: "#/$defs/tree" } } },
            required: ["v"],
          },
        },
      },
      ['{"v":1}', '{"v":1,"c":[{"v":2,"c":[]},{"v":3}]}'],
      ['{"v":1,"c":[1]}', '{"c":[]}'],
    ],
    [{ type: "object", additionalProperties: { type: "integer" } }, ["{}", '{"x":1,"y": 2}'], ['{"x":"y"}', '{"x"}']],
    ["object", ['{"a": [{"b": null}, "\\u00e9", 1e5]}'], ["[]", '{"a": undefined}', '{"\n":1}']],
  ];
  for (const [schema, good, bad] of cases) {
    for (const text of good) {
      JSON.parse(text);
      assert.ok(allows(schema, text), `${JSON.stringify(schema)} should allow ${text}`);
    }
    for (const text of bad) assert.ok(!allows(schema, text), `${JSON.stringify(schema)} should refuse ${text}`);
  }
});

test("a schema that nothing satisfies, or that asks for what cannot be followed, is refused", () => {
  const refused: [unknown, RegExp][] = [
    [{ enum: [] }, /that some JSON satisfies/],
    [false, /that some JSON satisfies/],
    [{ type: "object", properties: { a: false }, required: ["a"] }, /that some JSON satisfies/],
    [{ type: "array", items: { type: "null" }, minItems: 3, maxItems: 2 }, /that some JSON satisfies/],
    [{ type: "string", minLength: 3, maxLength: 2 }, /that some JSON satisfies/],
    // A list whose every element has such a list has no end.
    [
      { $ref: "#/$defs/a", $defs: { a: { type: "object", properties: { a: { $ref: "#/$defs/a" } }, required: ["a"] } } },
      /that some JSON satisfies/,
    ],
    [{ type: "string", pattern: "^a+$" }, /got "pattern"/],
    [{ type: "tea" }, /object, array, string/],
    [{ $ref: "https://elsewhere.example/schema" }, /within this schema/],
    [{ $ref: "#/$defs/none" }, /within this schema/],
    [{ allOf: [{}, {}] }, /put them together/],
    [Array.from({ length: 60 }).reduce<unknown>((inner) => ({ type: "array", items: inner }), {}), /nested up to/],
    [{ enum: Array.from({ length: 30_000 }, (_, i) => i) }, /at most/],
    [{ type: "integer", minimum: 0, maximum: 1e6 }, /apart/],
  ];
  for (const [schema, expected] of refused)
    assert.throws(() => schemaGrammar(schema), expected, JSON.stringify(schema).slice(0, 100));
});

test("whatever tokens are drawn, the text follows the schema", () => {
  const vocabulary = [
    "{",
    "}",
    '"',
    '":',
    '"a"',
    '"b":',
    "tr",
    "true",
    "fal",
    "se",
    "1",
    "12",
    "-",
    ",",
    ", ",
    "[",
    "]",
    "x",
    "null",
    " ",
    "\\",
    "n",
    "é",
    ...":abtruefals23456".split(""),
  ].map(encode);
  const end = vocabulary.length;
  const tokens = [...vocabulary, undefined];
  const tree = new TokenTree(tokens);
  const schema = {
    type: "object",
    properties: { a: { type: "boolean" }, b: { type: "array", items: { type: "integer" }, maxItems: 3 } },
    required: ["a", "b"],
  };
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed, "constraint");
    const constraint = new TokenConstraint(schemaGrammar(schema), tree, tokens, [end]);
    const written: number[] = [];
    for (let i = 0; i < 200; i++) {
      const logits = new Float64Array(tokens.length);
      constraint.apply(logits);
      const allowed = [...logits.keys()].filter((id) => logits[id] === 0);
      const token = allowed[Math.floor(random.uniform() * allowed.length)] as number;
      if (token === end) break;
      written.push(token);
      constraint.accept(token);
    }
    const text = Buffer.concat(written.map((id) => tokens[id] as Uint8Array)).toString();
    const value = JSON.parse(text) as { a: boolean; b: number[] };
    assert.equal(typeof value.a, "boolean", text);
    assert.ok(value.b.every(Number.isInteger) && value.b.length <= 3, text);
  }
});
