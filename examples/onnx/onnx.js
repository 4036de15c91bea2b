/**
 * @module An ONNX file that another tool wrote: run it, see which parts of the input its answer hangs on, and train it a little:
 * `node onnx.js model.onnx`. Nothing has to be rebuilt: Descent differentiates the file's own graph.
 */
import { readFile, writeFile } from "node:fs/promises";
import { compile, fromNumbers, grad, toNumbers } from "descentjs";
import { loadOnnx } from "descentjs/data/node";
import { crossEntropy } from "descentjs/losses";
import { GraphModule } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { toOnnx, TrainingState, trainingStep } from "descentjs/train";

const [path = "model.onnx"] = process.argv.slice(2);
const file = await loadOnnx(path);
const [[name, x]] = file.inputs;
const [[outputName, logits]] = file.graph.outputs;
console.log(`${path}: ${file.graph.nodes.length} nodes, ${name} ${x.dtype} [${x.shape}] → ${outputName} [${logits.shape}]`);

// Values that stand for an image of yours; dimensions that the file leaves free are 1 here.
const shape = x.shape.map((d) => (typeof d === "number" ? d : 1));
const size = shape.reduce((a, b) => a * b, 1);
const image = fromNumbers(
  "float32",
  shape,
  Float32Array.from({ length: size }, (_, i) => Math.sin(i / 7)),
);

// Its answer, and the gradient of the highest score with respect to the input: one graph.
const session = await compile({ logits, slope: grad(logits.reduceMax(), x) }, { values: file.values });
const { logits: scores, slope } = await session.call({ [name]: image });
const largest = (values) => values.indexOf(Math.max(...values));
console.log(
  `class ${largest(toNumbers(scores))}; its score hangs most on value ${largest(toNumbers(slope).map(Math.abs))} of the input`,
);
await session.dispose();

// Its weights learn that this image is of class 1; what comes out is an ONNX file again.
const model = new GraphModule(await readFile(path), { shapes: { [name]: shape } });
const answer = (batch) => model.forward({ [name]: batch.image })[outputName];
const loss = (batch) => crossEntropy(answer(batch), batch.label);
const state = await TrainingState.create(trainingStep({ model, loss, optimizer: adamW({ learningRate: 1e-3 }) }), {
  weights: model.values,
});
const label = fromNumbers("int32", [shape[0]], [1]);
for (let k = 1; k <= 20; k++) {
  const { loss } = await state.run({ image, label });
  if (k === 1 || k % 10 === 0) console.log(`step ${k}: loss ${loss.toFixed(4)}`);
}
await writeFile("trained.onnx", await toOnnx(state, { image }, (batch) => ({ [outputName]: answer(batch) })));
await state.dispose();
