/**
 * @module The documents' own calls, none of which names a device: they pick what the platform has, in a page and in Node.
 */
import { grad, tensor, type Tensor } from "../../src/index.js";
import { DataLoader, Dataset, parseTable } from "../../src/data/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { accuracy } from "../../src/metrics/index.js";
import { Linear, relu, Sequential } from "../../src/nn/index.js";
import { adamW } from "../../src/optim/index.js";
import { train, TrainingState, trainingStep } from "../../src/train.js";

/** Points that a line parts, the same ones everywhere. */
const points = Array.from({ length: 240 }, (_, i) => {
  const [a, b] = [Math.sin(12.9 * i) % 1, Math.cos(78.2 * i) % 1];
  return { a, b, label: a + b > 0 ? "above" : "below" };
});
const csv = `a,b,label\n${points.map(({ a, b, label }) => `${a},${b},${label}`).join("\n")}\n`;
const options = { loss: crossEntropy(), metrics: { accuracy }, epochs: 20, batchSize: 24, seed: 1 };
const net = (): Sequential => new Sequential(new Linear(2, 16), relu, new Linear(16, 2));
const optimizer = () => adamW({ learningRate: 0.02 });

/** Results of the calls, for comparison. */
export async function documented() {
  const w = tensor([
    [1, 2],
    [3, -4],
  ]);
  const gradient = [...(await grad(w.matMul(w.transpose()).relu().sum(), w).data())].map(Number);

  const model = net();
  const rows = new Dataset({
    x: { dtype: "float32", shape: [points.length, 2], data: Float32Array.from(points.flatMap(({ a, b }) => [a, b])) },
    label: { dtype: "int32", shape: [points.length], data: Int32Array.from(points, ({ label }) => Number(label === "below")) },
  });
  const step = trainingStep({
    model,
    optimizer: optimizer(),
    loss: ({ x, label }: { x: Tensor; label: Tensor }) => crossEntropy(model.forward(x), label),
  });
  const state = await TrainingState.create(step, { seed: 1 });
  let loss = NaN;
  for await (const batch of new DataLoader(rows, { batchSize: 24 })) loss = (await state.run(batch)).loss;
  const { device } = state;
  await state.dispose();

  const accuracies: Record<string, number | undefined> = {};
  const file = new File([csv], "points.csv", { type: "text/csv" });
  const fetched = await fetch(`data:text/csv,${encodeURIComponent(csv)}`);
  for (const [name, data] of Object.entries({ rows: points, columns: rows, file, fetched })) {
    const run = await train(net(), { ...options, optimizer: optimizer(), data });
    accuracies[name] = run.summary.metrics.train?.["accuracy"];
    await run.dispose();
  }
  const parsed = await parseTable(file);
  const fields = parsed.schema.fields.map(({ name, type }) => `${name} ${type}`);
  return { gradient, device, loss, accuracies, fields };
}
