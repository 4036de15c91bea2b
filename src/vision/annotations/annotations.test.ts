import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConfigError, DataError } from "../../util/errors.js";
import type { Annotation } from "./index.js";
import {
  faultNotes,
  looksLikeCoco,
  noFaults,
  parseCoco,
  parseVoc,
  parseYolo,
  parseYoloNames,
  usableBoxes,
  writeCoco,
  writeVoc,
  writeYolo,
} from "./index.js";

const oneLine = (error: unknown, pattern: RegExp): boolean => {
  assert.ok(error instanceof DataError || error instanceof ConfigError, String(error));
  assert.ok(!error.message.includes("\n"), error.message);
  assert.match(error.message, pattern);
  return true;
};

const sample: Annotation = {
  image: "a & b.jpg",
  width: 640,
  height: 480,
  boxes: [
    { box: [260, 177, 491, 376], label: "WBC" },
    { box: [78.5, 336, 184, 435.25], label: "红细胞 <1>", difficult: true },
  ],
};

suite("Pascal VOC", () => {
  test("what is written is read", () => {
    assert.deepEqual(parseVoc(writeVoc(sample), "a.xml"), sample);
    const one = { ...sample, boxes: sample.boxes.slice(0, 1) };
    assert.deepEqual(parseVoc(writeVoc(one), "a.xml"), one);
    const none = { ...sample, boxes: [] };
    assert.deepEqual(parseVoc(writeVoc(none), "a.xml"), none);
  });

  test("a file as LabelImg writes it", () => {
    const xml = `<annotation>
	<folder>images</folder><filename>007.jpg</filename><path>/home/someone/007.jpg</path>
	<source><database>Unknown</database></source>
	<size><width>64</width><height>48</height><depth>3</depth></size><segmented>0</segmented>
	<object><name>007</name><pose>Unspecified</pose><truncated>1</truncated><difficult>0</difficult>
		<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
</annotation>`;
    assert.deepEqual(parseVoc(xml, "007.xml"), {
      image: "007.jpg",
      width: 64,
      height: 48,
      boxes: [{ box: [1, 2, 30, 40], label: "007" }],
    });
  });

  test("what is no annotation is refused in one line, with the field", () => {
    assert.throws(
      () => parseVoc("<annotation><object></annotation>", "x.xml"),
      (e) => oneLine(e, /^x\.xml: expected XML/),
    );
    assert.throws(
      () => parseVoc("<html></html>", "x.xml"),
      (e) => oneLine(e, /^x\.xml: annotation: expected/),
    );
    const noBox = "<annotation><object><name>cat</name></object></annotation>";
    assert.throws(
      () => parseVoc(noBox, "x.xml"),
      (e) => oneLine(e, /object\.0\.bndbox/),
    );
    const text = writeVoc(sample).replace("<xmin>260</xmin>", "<xmin>left</xmin>");
    assert.throws(
      () => parseVoc(text, "x.xml"),
      (e) => oneLine(e, /object\.0\.bndbox\.xmin/),
    );
    for (const wrong of ["", " ", "0x104", "0b1", "0o7", "Infinity", "NaN", "1e999", "1,5", "1 2"])
      assert.throws(
        () => parseVoc(writeVoc(sample).replace("<xmin>260</xmin>", `<xmin>${wrong}</xmin>`), "x.xml"),
        (e) => oneLine(e, /^x\.xml: annotation\.object\.0\.bndbox\.xmin: expected a decimal number, got /),
        wrong,
      );
    for (const [right, value] of [
      [" 12 ", 12],
      ["12.5", 12.5],
      ["+3", 3],
      ["1e1", 10],
    ] as const)
      assert.equal(
        parseVoc(writeVoc(sample).replace("<xmin>260</xmin>", `<xmin>${right}</xmin>`), "x.xml").boxes[0]?.box[0],
        value,
      );
    for (const broken of ["<!DOCTYPE a [<!X>]><annotation></annotation>", "<!DOCTYPE", "<a", "<a>".repeat(50_000)])
      assert.throws(
        () => parseVoc(broken, "x.xml"),
        (e) => oneLine(e, /^x\.xml: /),
      );
    const bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><annotation><filename>&b;</filename></annotation>';
    assert.throws(
      () => parseVoc(bomb, "x.xml"),
      (e) => oneLine(e, /entities/),
    );
  });
});

suite("COCO", () => {
  const file = {
    classes: ["cat", "dog", "never seen"],
    annotations: [
      {
        image: "1.jpg",
        width: 100,
        height: 50,
        boxes: [
          { box: [10, 5, 30, 25] as const, label: "dog", area: 250 },
          { box: [0, 0, 100, 50] as const, label: "cat", crowd: true, area: 4000 },
        ],
      },
      { image: "2.jpg", width: 10, height: 10, boxes: [] },
    ],
  };

  test("what is written is read, classes without boxes and images without boxes too", () => {
    const text = writeCoco(file);
    assert.ok(looksLikeCoco(text));
    assert.deepEqual(parseCoco(text, "a.json"), file);
  });

  test("boxes of nothing that is listed are refused in one line", () => {
    const change = (name: string, value: unknown): string => {
      const json = JSON.parse(writeCoco(file)) as { annotations: Record<string, unknown>[] };
      (json.annotations[0] as Record<string, unknown>)[name] = value;
      return JSON.stringify(json);
    };
    assert.throws(
      () => parseCoco(change("category_id", 9), "a.json"),
      (e) => oneLine(e, /annotation 1: .*category_id 9/),
    );
    assert.throws(
      () => parseCoco(change("image_id", 9), "a.json"),
      (e) => oneLine(e, /annotation 1: .*image_id 9/),
    );
    assert.throws(
      () => parseCoco(change("bbox", [1, 2, 3]), "a.json"),
      (e) => oneLine(e, /^a\.json, annotation 1: bbox/),
    );
    assert.throws(
      () => parseCoco("{", "a.json"),
      (e) => oneLine(e, /^a\.json: expected JSON/),
    );
    assert.throws(
      () => writeCoco({ classes: ["cat"], annotations: file.annotations }),
      (e) => oneLine(e, /"dog"/),
    );
  });
});

test("COCO: categories of one name are one class, which is said; two of one id are refused", () => {
  const file = {
    images: [{ id: 0, file_name: "0.jpg" }],
    annotations: [
      { image_id: 0, category_id: 1, bbox: [0, 0, 1, 1] },
      { image_id: 0, category_id: 2, bbox: [3, 3, -1, 1] },
    ],
    categories: [
      { id: 1, name: "cup" },
      { id: 2, name: "cup " },
      { id: 3, name: "mug" },
    ],
  };
  const read = parseCoco(JSON.stringify(file), "a.json");
  assert.deepEqual(read.classes, ["cup", "mug"]);
  assert.deepEqual(
    read.annotations[0]?.boxes.map(({ label }) => label),
    ["cup", "cup"],
  );
  assert.deepEqual(read.notes, ['a.json: 2 categories are called "cup"; they are one class']);
  const refuse = (change: object, pattern: RegExp): void =>
    assert.throws(
      () => parseCoco(JSON.stringify({ ...file, ...change }), "a.json"),
      (e) => oneLine(e, pattern),
    );
  refuse(
    {
      categories: [
        { id: 1, name: "a" },
        { id: 1, name: "b" },
      ],
    },
    /one category of id 1, got "a" and "b"/,
  );
  refuse({ images: [file.images[0], file.images[0]] }, /one image of id 0/);
  refuse({ annotations: [{ image_id: 0, category_id: 1, bbox: [] }] }, /annotation 1: bbox/);
});

test("COCO: annotations that are none are left out where that was asked for, each with its reason", () => {
  const file = {
    images: [{ id: 0, file_name: "0.jpg" }],
    annotations: [
      { image_id: 0, category_id: 1, bbox: [] },
      { image_id: 0, category_id: 9, bbox: [0, 0, 1, 1] },
      { image_id: 7, category_id: 1, bbox: [0, 0, 1, 1] },
      null,
      { image_id: 0, category_id: 1, bbox: [0, 0, 1, 1] },
    ],
    categories: [{ id: 1, name: "cup" }],
  };
  const said: string[] = [];
  const read = parseCoco(JSON.stringify(file), "a.json", (message) => said.push(message));
  assert.equal(read.annotations[0]?.boxes.length, 1);
  assert.deepEqual(
    said.map((message) => /annotation (\d)/.exec(message)?.[1]),
    ["1", "2", "3", "4"],
  );
});

test("YOLO: an outline's box is the rectangle around it; numbers are decimal", () => {
  const size = { width: 100, height: 50 };
  const [box] = parseYolo("1 0.2 0.4 0.6 0.2 0.4 0.8\n", ["a", "b"], size, "x.txt");
  assert.deepEqual(box, { box: [20, 10, 60, 40], label: "b", fromOutline: true });
  for (const line of ["0 0.1 0.1 0.2 0.2 0.3", "0 0x1 0.1 0.2 0.2", "0 0.1 0.1 0.2 Infinity", "0 5 0.1 0.2 0.2 0.3 0.3"])
    assert.throws(
      () => parseYolo(line, ["a"], size, "x.txt"),
      (e) => oneLine(e, /^x\.txt, line 1: expected/),
    );
  const faults = noFaults();
  usableBoxes(parseYolo("1 0.2 0.4 0.6 0.2 0.4 0.8", ["a", "b"], size, "x.txt"), size, faults);
  assert.deepEqual(faultNotes(faults), ["1 box taken as the rectangle around an outline"]);
});

suite("YOLO", () => {
  const size = { width: 200, height: 100 };
  const classes = ["cat", "dog"];

  test("fractions of the image, written and read", () => {
    const boxes = parseYolo("1 0.5 0.5 0.2 0.4\n\n0 0.1 0.2 0.1 0.1\n", classes, size, "a.txt");
    assert.deepEqual(boxes[0], { box: [80, 30, 120, 70], label: "dog" });
    const again = parseYolo(writeYolo(boxes, classes, size), classes, size, "a.txt");
    again.forEach(({ box, label }, i) => {
      assert.equal(label, boxes[i]?.label);
      box.forEach((side, k) => assert.ok(Math.abs(side - (boxes[i]?.box[k] as number)) < 1e-3));
    });
    assert.deepEqual(parseYolo("", classes, size, "a.txt"), []);
  });

  test("what is no box is refused with its line", () => {
    assert.throws(
      () => parseYolo("0 0.5 0.5 0.2 0.4\n0 0.5 0.5\n", classes, size, "a.txt"),
      (e) => oneLine(e, /line 2/),
    );
    assert.throws(
      () => parseYolo("2 0.5 0.5 0.2 0.4", classes, size, "a.txt"),
      (e) => oneLine(e, /class in 0 … 1, got 2/),
    );
    assert.throws(
      () => parseYolo("0 a 0.5 0.2 0.4", classes, size, "a.txt"),
      (e) => oneLine(e, /line 1/),
    );
  });

  test("names of classes: lines, a list, numbered ones", () => {
    assert.deepEqual(parseYoloNames("cat\ndog\n", "classes.txt"), classes);
    assert.deepEqual(parseYoloNames("train: images/train\nnames: [cat, dog]\n", "data.yaml"), classes);
    assert.deepEqual(parseYoloNames("names:\n  0: cat\n  1: dog\n", "data.yaml"), classes);
    assert.throws(
      () => parseYoloNames("nc: 2\n", "data.yaml"),
      (e) => oneLine(e, /"names"/),
    );
    assert.throws(
      () => parseYoloNames("names:\n  0: cat\n  2: dog\n", "data.yaml"),
      (e) => oneLine(e, /none of 1/),
    );
    assert.throws(
      () => parseYoloNames("names: [cat", "data.yaml"),
      (e) => oneLine(e, /expected YAML/),
    );
    assert.throws(
      () => parseYoloNames("\n", "classes.txt"),
      (e) => oneLine(e, /name of a class/),
    );
  });
});

test("boxes without area and outside are left out and counted, those over the edge are cut", () => {
  const faults = noFaults();
  const label = "x";
  const kept = usableBoxes(
    [
      { box: [10, 10, 20, 20], label },
      { box: [10, 10, 10, 20], label },
      { box: [20, 20, 10, 10], label },
      { box: [90, 40, 130, 60], label },
      { box: [120, 10, 140, 20], label },
      { box: [-0.4, 0, 20, 50], label },
    ],
    { width: 100, height: 50 },
    faults,
  );
  assert.deepEqual(
    kept.map(({ box }) => box),
    [
      [10, 10, 20, 20],
      [10, 10, 20, 20],
      [90, 40, 100, 50],
      [0, 0, 20, 50],
    ],
  );
  assert.deepEqual(faults, { withoutArea: 1, turned: 1, fromOutline: 0, clipped: 1, outside: 1 });
  assert.deepEqual(faultNotes(faults), [
    "1 box without area left out",
    "1 box outside the image left out",
    "1 box with a negative width or height turned the right way",
    "1 box cut at the image's edge",
  ]);
  assert.deepEqual(faultNotes(noFaults()), []);
});
