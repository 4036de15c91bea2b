/** @module Images with boxes in every format: the same boxes; what is refused; and batches of them. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import sharp from "sharp";
import type { TensorData } from "../../graph/index.js";
import type { Annotation } from "../../vision/annotations/index.js";
import { writeCoco, writeCvat, writeVoc, writeYolo } from "../../vision/annotations/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { WorkerFetcher } from "../loader-worker-node.js";
import type { LoadedData } from "../load-node.js";
import { loadData } from "../load-node.js";
import { boxCollate } from "./boxes.js";
import { boxBatch } from "./boxes-batch-node.js";

const root = mkdtempSync(join(tmpdir(), "descent-boxes-"));
after(() => rmSync(root, { recursive: true, force: true }));

const at = (...names: string[]): string => join(root, ...names);
const put = (path: string, bytes: Uint8Array | string): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), bytes);
};

const CLASSES = ["cat", "dog"];
const PARTS = { train: 6, val: 2, test: 3 } as const;
const sizeOf = (i: number): { width: number; height: number } =>
  i % 2 === 0 ? { width: 80, height: 60 } : { width: 60, height: 60 };

/** Image i: grey, with a white rectangle where its only box is; every third has none. */
const boxOf = (i: number): [number, number, number, number] => [10 + i, 12, 34 + i, 40];
const hasBox = (i: number): boolean => i % 3 !== 2;
const annotationOf = (i: number): Annotation => ({
  image: `${i}.png`,
  ...sizeOf(i),
  boxes: hasBox(i) ? [{ box: boxOf(i), label: CLASSES[i % 2] as string }] : [],
});
async function picture(i: number): Promise<Buffer> {
  const { width, height } = sizeOf(i);
  const grey = sharp({ create: { width, height, channels: 3, background: { r: 60, g: 60, b: 60 } } });
  if (!hasBox(i)) return grey.png().toBuffer();
  const [x1, y1, x2, y2] = boxOf(i);
  const white = { create: { width: x2 - x1, height: y2 - y1, channels: 3 as const, background: "white" } };
  return grey
    .composite([{ input: white, left: x1, top: y1 }])
    .png()
    .toBuffer();
}

before(async () => {
  let i = 0;
  for (const [part, count] of Object.entries(PARTS)) {
    const numbers = Array.from({ length: count }, () => i++);
    for (const n of numbers) {
      const bytes = await picture(n);
      put(`voc/JPEGImages/${n}.png`, bytes);
      put(`voc/Annotations/${n}.xml`, writeVoc(annotationOf(n)));
      put(`coco/${part}2017/${n}.png`, bytes);
      put(`yolo/images/${part}/${n}.png`, bytes);
      if (hasBox(n)) put(`yolo/labels/${part}/${n}.txt`, writeYolo(annotationOf(n).boxes, CLASSES, sizeOf(n)));
    }
    put(`voc/ImageSets/Main/${part}.txt`, numbers.join("\n"));
    put(`coco/annotations/instances_${part}2017.json`, writeCoco({ classes: CLASSES, annotations: numbers.map(annotationOf) }));
  }
  put("coco/annotations/captions_train2017.json", '{"images":[],"annotations":[],"info":{}}');
  put("yolo/data.yaml", "names:\n  0: cat\n  1: dog\n");
});

const rowsOf = ({ data, shape }: TensorData): number[][] =>
  Array.from({ length: (shape[0] ?? 0) * (shape[1] ?? 0) }, (_, i) => Array.from(data.subarray(i * 6, (i + 1) * 6), Number));

for (const format of ["voc", "coco", "yolo"]) {
  test(`${format}: parts, classes, boxes, sizes`, async () => {
    const data = await loadData(at(format));
    assert.equal(data.task, "object-detection");
    assert.deepEqual(
      [data.train, data.validation, data.test].map((part) => part.length),
      Object.values(PARTS),
    );
    const boxes = data.train.tensor("boxes");
    assert.deepEqual(boxes.classes, CLASSES);
    const order = Array.from({ length: 6 }, (_, i) => i);
    rowsOf(boxes).forEach((row, i) => {
      const wanted = hasBox(i) ? [...boxOf(i), i % 2, 0] : [-1, -1, -1, -1, -1, -1];
      row.forEach((v, k) => assert.ok(Math.abs(v - (wanted[k] as number)) < 1e-3, `image ${i}: ${row} for ${wanted}`));
    });
    assert.deepEqual(
      [...data.train.tensor("size").data],
      order.flatMap((i) => [sizeOf(i).width, sizeOf(i).height]),
    );
    // The longer side of the usual image becomes 320 pixels, both multiples of 16.
    assert.deepEqual(data.images?.shape, [3, 240, 320]);
  });
}

test("a COCO file by itself, with the images beside it", async () => {
  const data = await loadData(at("coco/annotations/instances_train2017.json"), { testFraction: 0, validationFraction: 0 }).catch(
    (error: unknown) => error,
  );
  // Its images are in another folder than its own.
  assert.match(String(data), /expected its image 0\.png, found none/);
  cpSync(at("coco/train2017"), at("alone"), { recursive: true });
  put("alone/boxes.json", readFileSync(at("coco/annotations/instances_train2017.json")));
  const alone = await loadData(at("alone/boxes.json"), { testFraction: 0, validationFraction: 0 });
  assert.equal(alone.train.length, 6);
});

suite("what is refused, in one line that names the file", () => {
  const broken = async (change: (folder: string) => void, options = {}): Promise<LoadedData> => {
    rmSync(at("broken"), { recursive: true, force: true });
    cpSync(at("voc"), at("broken"), { recursive: true });
    change(at("broken"));
    return loadData(at("broken"), options);
  };
  const refused = (change: (folder: string) => void, pattern: RegExp): Promise<void> =>
    assert.rejects(broken(change), (error: unknown) => {
      assert.ok(error instanceof DataError || error instanceof ConfigError, String(error));
      assert.ok(!error.message.includes("\n"), error.message);
      assert.match(error.message, pattern);
      return true;
    });
  const rewrite = (folder: string, i: number, annotation: Partial<Annotation>): void =>
    writeFileSync(join(folder, "Annotations", `${i}.xml`), writeVoc({ ...annotationOf(i), ...annotation }));
  const without = (folder: string): void => rmSync(join(folder, "JPEGImages/3.png"));

  test("an annotation whose image is missing; left out and counted on request", async () => {
    await refused(without, /Annotations\/3\.xml: expected its image 3\.png, found none/);
    const data = await broken(without, { skipBadRows: true });
    assert.equal(data.train.length, 5);
    assert.equal(data.badRows, 1);
  });

  test("an image that is none, is cut off, or has another size than its annotation says", async () => {
    await refused((folder) => writeFileSync(join(folder, "JPEGImages/1.png"), "no image"), /JPEGImages\/1\.png: expected a/);
    await refused((folder) => {
      const file = join(folder, "JPEGImages/1.png");
      writeFileSync(file, readFileSync(file).subarray(0, -20));
    }, /1\.png: expected a whole image/);
    await refused((folder) => rewrite(folder, 1, { width: 61 }), /1\.xml: expected the size of its image, 60×60, got 61×60/);
  });

  test("a class that training has not, a part without annotations, no box at all", async () => {
    const bird = { boxes: [{ box: [1, 1, 9, 9] as const, label: "bird" }] };
    await refused((folder) => rewrite(folder, 6, bird), /6\.xml: expected a class of train, cat, dog, got "bird"/);
    await refused((folder) => rmSync(join(folder, "Annotations/2.xml")), /expected an annotation of 2, which ImageSets lists/);
    await refused((folder) => {
      for (let i = 0; i < 6; i++) rewrite(folder, i, { boxes: [] });
    }, /expected at least one box in the training images/);
    await refused((folder) => writeFileSync(join(folder, "Annotations/0.xml"), "<annotation>"), /0\.xml: expected XML/);
  });

  test("boxes without area and outside are counted in a note", async () => {
    const data = await broken((folder) =>
      rewrite(folder, 0, {
        boxes: [
          { box: [5, 5, 5, 20], label: "cat" },
          { box: [90, 5, 99, 20], label: "cat" },
          { box: [60, 5, 99, 20], label: "cat" },
        ],
      }),
    );
    assert.deepEqual(data.notes.slice(0, 3), [
      "1 box without area left out",
      "1 box outside the image left out",
      "1 box cut at the image's edge",
    ]);
    assert.deepEqual(rowsOf(data.train.tensor("boxes"))[0], [60, 5, 80, 20, 0, 0]);
  });
});

suite("the same boxes, as tools and people write them", () => {
  type Coco = {
    images: { id: unknown; file_name: string; width: number; height: number }[];
    annotations: { image_id: unknown; category_id: unknown; bbox?: unknown; segmentation?: unknown }[];
    categories: { id: unknown; name: string }[];
  };
  const corners = (bbox: unknown): [number, number, number, number] => {
    const [x, y, w, h] = bbox as [number, number, number, number];
    return [x, y, x + w, y + h];
  };
  const sizeIn = ({ images }: Coco, id: unknown) => images.find((image) => image.id === id) as Coco["images"][number];
  const COCO: Readonly<Record<string, [change: (file: Coco) => void, note?: RegExp]>> = {
    "numbers as texts": [(file) => file.annotations.forEach((one) => (one.bbox = (one.bbox as number[]).map(String)))],
    "ids as texts in one place": [(file) => file.images.forEach((image) => (image.id = String(image.id)))],
    "outlines in place of boxes": [
      (file) =>
        file.annotations.forEach((one) => {
          const [x1, y1, x2, y2] = corners(one.bbox);
          one.segmentation = [[x1, y1, x2, y1, x2, y2]];
          delete one.bbox;
        }),
      /4 boxes taken as the rectangle around an outline/,
    ],
    "fractions of the image": [
      (file) =>
        file.annotations.forEach((one) => {
          const { width, height } = sizeIn(file, one.image_id);
          one.bbox = (one.bbox as number[]).map((side, i) => side / (i % 2 === 0 ? width : height));
        }),
      /taken as fractions of their images/,
    ],
    "folders of another system in names": [
      (file) => file.images.forEach((image) => (image.file_name = `C:\\data\\${image.file_name}`)),
    ],
    "names in capitals": [(file) => file.images.forEach((image) => (image.file_name = image.file_name.toUpperCase()))],
    "a class without a box": [
      (file) => void file.categories.push({ id: 9, name: "pets" }),
      /no box in the training images of "pets"/,
    ],
  };
  const inFolder = async (name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<LoadedData> => {
    rmSync(at(name), { recursive: true, force: true });
    cpSync(at("coco/train2017"), at(name, "images"), { recursive: true });
    for (const [file, content] of Object.entries(files)) put(join(name, file), content);
    return loadData(at(name), { testFraction: 0, validationFraction: 0 });
  };
  const cocoFile = (): Coco => JSON.parse(readFileSync(at("coco/annotations/instances_train2017.json"), "utf8")) as Coco;
  const expectBoxes = (data: LoadedData): void =>
    rowsOf(data.train.tensor("boxes")).forEach((row, at) => {
      const i = Number.parseInt(basename(data.train.texts("file")[at] ?? ""));
      const expected = hasBox(i) ? [...boxOf(i), i % 2, 0] : [-1, -1, -1, -1, -1, -1];
      row.forEach((v, k) => assert.ok(Math.abs(v - (expected[k] as number)) < 1e-3, `image ${i}: ${row} for ${expected}`));
    });

  for (const [name, [change, note]] of Object.entries(COCO))
    test(`COCO: ${name}`, async () => {
      const file = cocoFile();
      change(file);
      const data = await inFolder("kind", { "boxes.json": JSON.stringify(file) });
      expectBoxes(data);
      if (note === undefined) assert.deepEqual(data.notes, []);
      else assert.match(data.notes.join("\n"), note);
    });

  test("COCO: corners in place of width and height are noticed where most boxes would stick out", async () => {
    const file = cocoFile();
    for (const [i, one] of file.annotations.entries()) one.bbox = [30, 25, 55 + (i % 2), 50];
    const data = await inFolder("kind", { "boxes.json": JSON.stringify(file) });
    assert.match(data.notes.join("\n"), /taken as corners/);
    assert.deepEqual(rowsOf(data.train.tensor("boxes"))[0]?.slice(0, 4), [30, 25, 55, 50]);
  });

  const labels = Object.fromEntries(
    [0, 1, 2, 3, 4, 5].map((i) => [i, writeYolo(annotationOf(i).boxes, CLASSES, sizeOf(i), 9)] as const),
  );
  const lines = (folder: string, change = (text: string): string => text): Record<string, string> =>
    Object.fromEntries(Object.entries(labels).map(([i, text]) => [`${folder}/${i}.txt`, change(text)]));
  test("YOLO: labels beside their images, as darknet has them", async () => {
    expectBoxes(await inFolder("kind", { "obj.names": "cat\ndog\n", ...lines("images") }));
  });
  test("YOLO: names in a YAML file of any name", async () => {
    expectBoxes(await inFolder("kind", { "pets.yml": "path: .\nnames: [cat, dog]\n", ...lines("labels") }));
  });
  test("YOLO: names of classes that are not UTF-8, said once", async () => {
    const data = await inFolder("kind", { "classes.txt": Uint8Array.of(0xc3, 0xa8, 10, 0xb9, 0xb7, 10), ...lines("labels") });
    assert.deepEqual(data.train.tensor("boxes").classes, ["猫", "狗"]);
    assert.deepEqual(data.notes, ["annotations that are not UTF-8 are read as GB18030"]);
  });
  test("VOC: the encoding that the XML declares; classes that differ in case are said", async () => {
    const xml = (i: number): Buffer =>
      Buffer.from(
        `<?xml version="1.0" encoding="ISO-8859-1"?>${writeVoc(annotationOf(i)).replace(">cat<", i === 0 ? ">KÄTZ<" : ">kätz<")}`,
        "latin1",
      );
    const data = await inFolder("kind", Object.fromEntries([0, 1, 3, 4].map((i) => [`images/${i}.xml`, xml(i)])));
    assert.deepEqual(data.train.tensor("boxes").classes, ["KÄTZ", "dog", "kätz"]);
    assert.match(data.notes.join("\n"), /"KÄTZ" and "kätz" differ in capital letters alone, and count as two classes/);
  });

  const viaRegion = (region_attributes: object): object => ({
    shape_attributes: { name: "rect", x: 1, y: 2, width: 3, height: 4 },
    region_attributes,
  });
  const all = [0, 1, 2, 3, 4, 5].map(annotationOf);
  const lineOf = (
    form: (image: string, box: readonly number[], label: string, size: ReturnType<typeof sizeOf>) => string,
  ): string =>
    all
      .flatMap(({ image, boxes, width = 0, height = 0 }) =>
        boxes.map(({ box, label }) => form(image, box, label, { width, height })),
      )
      .join("\n");
  const studio = (short: boolean): string =>
    JSON.stringify(
      all.map(({ image, boxes, width = 0, height = 0 }, id) => {
        const value = boxes.map(({ box: [x1, y1, x2, y2], label }) => ({
          x: (100 * x1) / width,
          y: (100 * y1) / height,
          width: (100 * (x2 - x1)) / width,
          height: (100 * (y2 - y1)) / height,
          rotation: 0,
          rectanglelabels: [label],
        }));
        const size = { original_width: width, original_height: height };
        if (short) return { image: `/data/upload/3/0a1b2c3d-${image}`, label: value.map((one) => ({ ...one, ...size })), id };
        const result = value.map((one) => ({ ...size, type: "rectanglelabels", value: one }));
        return {
          id,
          data: { image: `/data/local-files/?d=pets/${image}` },
          annotations: [{ result: [], was_cancelled: true }, { result }],
        };
      }),
    );
  const labelMe = ({ image, boxes, width, height }: Annotation): string =>
    JSON.stringify({
      version: "5.4.1",
      shapes: boxes.map(({ box: [x1, y1, x2, y2], label }) => ({
        label,
        points: label === "cat" ? [[x2, y1], [x1, y2]] : [[x1, y1], [x2, (y1 + y2) / 2], [x1, y2]], // prettier-ignore
        shape_type: label === "cat" ? "rectangle" : "polygon",
      })),
      imagePath: `..\\images\\${image}`,
      imageData: "iVBORw0KGgo=",
      imageHeight: height,
      imageWidth: width,
    });
  const via = (regions: (list: readonly object[]) => unknown): object =>
    Object.fromEntries(
      all.map(({ image, boxes }) => [
        `${image}1234`,
        {
          filename: image,
          size: 1234,
          regions: regions(
            boxes.map(({ box: [x1, y1, x2, y2], label }) => ({
              shape_attributes:
                label === "cat"
                  ? { name: "rect", x: x1, y: y1, width: x2 - x1, height: y2 - y1 }
                  : { name: "polygon", all_points_x: [x1, x2, x1], all_points_y: [y1, y2, y2] },
              region_attributes: { pet: { [label]: true } },
            })),
          ),
        },
      ]),
    );
  const quoted = (value: unknown): string => `"${JSON.stringify(value).replaceAll('"', '""')}"`;
  const TOOLS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "LabelMe, a file for each image": Object.fromEntries(all.map((one, i) => [`images/${i}.json`, labelMe(one)])),
    "VIA's JSON": { "via.json": JSON.stringify(via((list) => list)) },
    "VIA's first version, regions by number": { "via.json": JSON.stringify(via((list) => Object.fromEntries(list.entries()))) },
    "VIA's project": { "project.json": JSON.stringify({ _via_settings: {}, _via_img_metadata: via((list) => list) }) },
    "VIA's CSV": {
      "via.csv": `filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n${Object.values(
        via((list) => list) as Readonly<
          Record<string, { filename: string; regions: Record<"shape_attributes" | "region_attributes", object>[] }>
        >,
      )
        .flatMap(({ filename, regions }) =>
          regions.length === 0
            ? [`${filename},9,"{}",0,0,"{}","{}"`]
            : regions.map((one) => `${filename},9,"{}",1,0,${quoted(one.shape_attributes)},${quoted(one.region_attributes)}`),
        )
        .join("\n")}\n`,
    },
    CreateML: {
      "_annotations.createml.json": JSON.stringify(
        all.map(({ image, boxes }) => ({
          image,
          annotations: boxes.map(({ box: [x1, y1, x2, y2], label }) => ({
            label,
            coordinates: { x: (x1 + x2) / 2, y: (y1 + y2) / 2, width: x2 - x1, height: y2 - y1 },
          })),
        })),
      ),
    },
    "CVAT's XML": {
      "annotations.xml": writeCvat(all.map((one) => ({ ...one, ...sizeOf(Number.parseInt(one.image)), tags: [] }))),
    },
    "Label Studio": { "export.json": studio(false) },
    "Label Studio's short form, names as uploaded": { "export.json": studio(true) },
    "a table with corners": {
      "labels.csv": `filename,width,height,class,xmin,ymin,xmax,ymax\n${lineOf((image, box, label, { width, height }) => `${image},${width},${height},${label},${box.join(",")}`)}\n2.png,80,60,,,,,\n5.png,60,60,,,,,\n`,
    },
    "RetinaNet's table without names of columns": {
      "annotations.csv": `${lineOf((image, box, label) => `images/${image},${box.join(",")},${label}`)}\n2.png,,,,,\n5.png,,,,,\n`,
      "classes.csv": "cat,0\ndog,1\n",
    },
    "Open Images, signs for classes": {
      "train-annotations-bbox.csv": `ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n${lineOf((image, [x1 = 0, y1 = 0, x2 = 0, y2 = 0], label, { width, height }) => `${image.replace(".png", "")},xclick,/m/${label},1,${x1 / width},${x2 / width},${y1 / height},${y2 / height},0,0,0,0,0`)}\n2,xclick,,1,,,,,0,0,0,0,0\n5,xclick,,1,,,,,0,0,0,0,0\n`,
      "class-descriptions-boxable.csv": "/m/cat,cat\n/m/dog,dog\n",
    },
    "a table with a list in a cell": {
      "train.csv": `image_id;bbox;label\n${lineOf((image, [x1 = 0, y1 = 0, x2 = 0, y2 = 0], label) => `${image};[${x1}, ${y1}, ${x2 - x1}, ${y2 - y1}];${label}`)}\n2.png;;\n5.png;;\n`,
      "sample_submission.csv": "image_id;PredictionString\n0.png;\n",
    },
    "AutoML's table": {
      "import.csv": `${lineOf((image, [x1 = 0, y1 = 0, x2 = 0, y2 = 0], label, { width, height }) => `TRAIN,gs://b/${image},${label},${x1 / width},${y1 / height},,,${x2 / width},${y2 / height},,`)}\nTRAIN,gs://b/2.png,,,,,,,,,\nTRAIN,gs://b/5.png,,,,,,,,,\n`,
    },
  };
  test("points and lines are left out and counted; circles, ellipses and turned boxes are the rectangles around them", async () => {
    const shape = (type: string, label: string, points: unknown): object => ({ label, points, shape_type: type });
    const of = (...shapes: readonly object[]): string => JSON.stringify({ shapes, imagePath: null });
    const circle = shape("circle", "cat", [[20, 20], [23, 24]]); // prettier-ignore
    const data = await inFolder("kind", {
      "images/0.json": of(circle, shape("point", "cat", [[1, 1]])), // prettier-ignore
      "images/1.json": of(circle, shape("linestrip", "cat", [[1, 1], [5, 5]])), // prettier-ignore
    });
    assert.deepEqual(rowsOf(data.train.tensor("boxes"))[0], [15, 15, 25, 25, 0, 0]);
    assert.match(data.notes.join("\n"), /^2 shapes that are points or lines left out\n2 boxes taken as the rectangle/m);
    const turned = await inFolder("kind", {
      "a.xml": `<annotations><image name="0.png" width="80" height="60"><box label="cat" xtl="10" ytl="20" xbr="30" ybr="30" rotation="90"/><ellipse label="cat" cx="40" cy="30" rx="10" ry="5" rotation="90"/></image></annotations>`,
    });
    const [box, ellipse] = rowsOf(turned.train.tensor("boxes"));
    [15, 15, 25, 35].forEach((side, k) => assert.ok(Math.abs((box?.[k] ?? 0) - side) < 1e-3, `${box}`));
    [35, 20, 45, 40].forEach((side, k) => assert.ok(Math.abs((ellipse?.[k] ?? 0) - side) < 1e-3, `${ellipse}`));
  });

  for (const [name, files] of Object.entries(TOOLS))
    test(name, async () => {
      const data = await inFolder("kind", files);
      expectBoxes(data);
    });

  test("a table of boxes by itself; images that have classes keep theirs", async () => {
    await inFolder("kind", {
      "labels.csv": `image,x,y,w,h\n${lineOf((image, [x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => `${image},${x1},${y1},${x2 - x1},${y2 - y1}`)}\n`,
    });
    const options = { testFraction: 0, validationFraction: 0 };
    const boxed = await loadData(at("kind/labels.csv"), options);
    assert.equal(boxed.task, "object-detection");
    assert.deepEqual(boxed.train.tensor("boxes").classes, ["object"]);
    assert.match(boxed.notes.join("\n"), /no column of classes; all boxes are of one, "object"/);
    put(
      "kind/labels.csv",
      `Path,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId\n${lineOf((image, box, label) => `images/${image},${box.join(",")},${label}`)}\n`,
    );
    const classed = await loadData(at("kind"), { ...options, boxTables: false });
    assert.equal(classed.task, "image-classification");
  });

  const REFUSED: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    [
      "pixels in YOLO's lines",
      { "classes.txt": "cat\ndog\n", ...lines("labels", () => "0 25 30 20 24\n") },
      /labels\/0\.txt, line 1: expected fractions of the image, 0 … 1, got "0 25 30 20 24"/,
    ],
    [
      "another number of names than nc",
      { "data.yaml": "nc: 3\nnames: [cat, dog]\n", ...lines("labels") },
      /as many names as nc, 3, got 2/,
    ],
    ["COCO without categories", { "a.json": '{"images":[],"annotations":[{"bbox":[1,2,3,4]}]}' }, /got no "categories"/],
    [
      "a detector's results",
      { "a.json": '[{"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":0.5}]' },
      /got no "images", "annotations"/,
    ],
    [
      "CVAT's XML of a video",
      { "a.xml": '<?xml version="1.0"?>\n<annotations><track id="0"/></annotations>' },
      /a\.xml: expected CVAT for images, got tracks of a video; export the task as "CVAT for images/,
    ],
    [
      "LabelMe's shape without a label",
      { "0.json": '{"shapes":[{"label":"","points":[[1,2],[3,4]]}],"imagePath":"0.png"}' },
      /0\.json, shape 1: expected a label/,
    ],
    [
      "VIA's regions with two attributes",
      { "a.json": JSON.stringify({ a: { filename: "0.png", regions: [viaRegion({ a: "x", b: "y" })] } }) },
      /a\.json: expected one attribute of regions that names the class, got a, b/,
    ],
    [
      "half a box in a table",
      { "a.csv": "filename,xmin,ymin,xmax,ymax,class\n0.png,1,2,3,,cat\n" },
      /a\.csv, line 2: expected four/,
    ],
    [
      "a brushed mask",
      {
        "a.json":
          '[{"data":{"image":"0.png"},"annotations":[{"result":[{"type":"x","value":{"brushlabels":["a"],"rectanglelabels":["a"]}}]}]}]',
      },
      /a\.json, task 1: expected boxes or polygons, got a brushed mask/,
    ],
    ["validation alone", { "instances_val2017.json": JSON.stringify(cocoOf()) }, /part train, found validation alone/],
  ];
  function cocoOf(): unknown {
    return JSON.parse(writeCoco({ classes: CLASSES, annotations: [0, 1].map(annotationOf) }));
  }
  for (const [name, files, pattern] of REFUSED) test(`refused: ${name}`, () => assert.rejects(inFolder("kind", files), pattern));
});

suite("batches", () => {
  const shape = [3, 48, 64];
  const request = { indices: Uint32Array.of(1, 0), seed: 3, epoch: 2, offset: 0 };

  test("images fit with their proportions kept, on grey; boxes go with them; the factor leads back", async () => {
    const { train } = await loadData(at("voc"));
    const batch = await boxBatch(train, request, { shape });
    const [image, boxes, factor] = [batch["image"], batch["boxes"], batch["factor"]] as [TensorData, TensorData, TensorData];
    assert.deepEqual(image.shape, [2, ...shape]);
    // Both images are 60 high: 48/60. The first is as wide as high, and does not fill the width.
    [...factor.data].forEach((f) => assert.ok(Math.abs(Number(f) - 0.8) < 1e-6));
    assert.equal(image.data[63], 114);
    assert.equal(image.data[40], 60);
    rowsOf(boxes).forEach((row, i) =>
      boxOf(1 - i).forEach((side, k) => assert.ok(Math.abs((row[k] as number) - side * 0.8) < 1e-3)),
    );
  });

  test("changes depend on (seed, epoch, row) alone: the same in a thread, others in another epoch; crowds teach nothing", async () => {
    const { train } = await loadData(at("voc"));
    const augmentation = { flipHorizontal: true, flipVertical: true, scale: 0.3, translate: 0.1, color: 0.2 };
    const options = { shape, mostBoxes: 4, augmentation };
    const here = await boxBatch(train, request, options);
    using fetcher = new WorkerFetcher(train, boxCollate(options));
    assert.deepEqual(await fetcher.fetch(request), here);
    assert.deepEqual(here["boxes"]?.shape, [2, 4, 6]);
    const alone = await boxBatch(train, { ...request, indices: Uint32Array.of(0) }, options);
    assert.deepEqual(alone["image"]?.data, here["image"]?.data.subarray(3 * 48 * 64));
    assert.notDeepEqual((await boxBatch(train, { ...request, epoch: 3 }, options))["image"], here["image"]);
    const boxes = train.tensor("boxes");
    const crowded = Float32Array.from(boxes.data as Float32Array, (v, i) => (i % 6 === 5 && v === 0 ? 1 : v));
    const crowds = train.with({ boxes: { ...boxes, data: crowded } });
    assert.ok(rowsOf((await boxBatch(crowds, request, options))["boxes"] as TensorData).every((row) => row[4] === -1));
    assert.equal(rowsOf((await boxBatch(crowds, request, { shape }))["boxes"] as TensorData)[0]?.[5], 1);
  });
});
