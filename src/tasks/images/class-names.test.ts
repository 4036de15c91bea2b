import assert from "node:assert/strict";
import { test } from "node:test";
import { builtNamed, taskNamed } from "../table.js";

/** The parameters with a row for each class; of those models that have more than a last layer, and of one of each other kind. */
const ROWS: readonly [task: string, model: string, side: number, paths: string][] = [
  ["image-classification", "linear", 8, "layers.0.weight layers.0.bias"],
  ["image-classification", "mlp", 8, "layers.2.weight layers.2.bias"],
  ["image-classification", "conv-net", 32, "head.2.weight head.2.bias"],
  ["image-classification", "vgg-11-bn", 224, "classifier.6.weight classifier.6.bias"],
  ["image-classification", "googlenet", 64, "aux1.fc2.weight aux1.fc2.bias aux2.fc2.weight aux2.fc2.bias fc.weight fc.bias"],
  ["image-classification", "inception-v3", 299, "AuxLogits.fc.weight AuxLogits.fc.bias fc.weight fc.bias"],
  ["image-classification", "resnet-20-cifar", 32, "fc.weight fc.bias"],
  ["image-classification", "densenet-40-cifar", 32, "classifier.weight classifier.bias"],
  ["image-classification", "mobilenet-v3-small", 64, "classifier.3.weight classifier.3.bias"],
  ["image-classification", "vit-tiny", 32, "heads.head.weight heads.head.bias"],
  ["image-recognition", "conv-net", 32, "centers.weight"],
  ["object-detection", "fcos-small", 64, "classify.predict.weight classify.predict.bias"],
];

for (const [taskName, modelName, side, paths] of ROWS)
  test(`${taskName}, ${modelName}: the rows of classes go by their names`, () => {
    const task = taskNamed(taskName);
    // As many channels as classes: what is only as long as there are classes does not follow them.
    const info = {
      classes: ["ant", "bee", "cat"],
      trainedClasses: 3,
      embeddingSize: 64,
      imageShape: [3, side, side],
      mean: [0, 0, 0],
      deviation: [1, 1, 1],
      maximum: 255,
    };
    const model = builtNamed(task, modelName).build(info);
    const named = task.namedParameters?.(info, model, modelName) ?? new Map();
    assert.deepEqual([...named.keys()], paths.split(" "));
    for (const [path, { axes }] of named) {
      assert.deepEqual(axes[0], { of: "class", names: ["ant", "bee", "cat"] }, path);
      assert.equal(axes[1], undefined, path);
    }
  });
