/** @module `descent eval MODEL`. */
import { ConfigError } from "../../util/errors.js";
import { dataOptions, deviceOptions, onnxOptions, shapeOptions } from "../../tasks/options.js";
import { strideOption } from "../../tasks/texts/options.js";
import { valuesOf } from "../../util/option.js";
import { defineVerb } from "../verb.js";
import { checkProfileOptions, noteProfile, profileOptions, useOptionsOf } from "../use-profile.js";
import type { Measurement, TaskInfo } from "../../tasks/task.js";
import { metricsTable, operatingTable } from "../metrics-table.js";

/** Operating points of two classes, for the second; undefined where there are none. */
function operatingOf(measurement: Measurement | undefined, info: TaskInfo) {
  const points = measurement?.operatingPoints?.() ?? [];
  const [, second] = (info as { readonly classes?: readonly string[] }).classes ?? [];
  return points.length === 0 || second === undefined ? undefined : { class: second, points };
}

/** The data, which has to be given. ConfigError. */
function expectData(path: string, data: string | undefined): string {
  if (data === undefined) throw new ConfigError(`eval ${path}: expected --data, got none`);
  return data;
}

export const verb = defineVerb({
  positionals: [
    { name: "MODEL", help: "a run folder, one of its checkpoints, a folder in Hugging Face's form, an ONNX file or a GGUF file" },
  ],
  options: {
    ...dataOptions,
    stride: strideOption("as the model was measured in training"),
    ...onnxOptions,
    ...shapeOptions,
    ...deviceOptions,
    ...profileOptions,
  },
  examples: [
    "descent eval runs/fashion",
    "descent eval runs/houses --data new-houses.csv",
    "descent eval runs/fashion --profile profiles/fashion",
    "descent eval their-model.onnx --data photos/ --labels labels.txt",
  ],
  engine: true,
  async run({ positionals: [path = ""], options, print, note, signal }) {
    const { TrainedModel } = await import("../../tasks/use/trained-node.js");
    const { splitRunPath } = await import("../../run/run-folder-node.js");
    const { columnsOf, loadExamples } = await import("../../tasks/use/examples-node.js");
    const { openModel } = await import("../../tasks/use/open-node.js");
    await checkProfileOptions(options);
    const reading = { ...valuesOf(options, dataOptions), stride: options.stride, signal };
    const columns = () => columnsOf({ ...reading, data: expectData(path, options.data) });
    const use = { ...useOptionsOf(options), columns };
    const opened = await openModel(path, use);
    await using model = opened.model;
    for (const remark of opened.remarks) note(remark);
    const trainedWith: Readonly<Record<string, unknown>> = opened.config?.options ?? {};
    const trainedOn = trainedWith["data"];
    const { checkRepeated } = await import("../../data/node.js");
    if (options.data === undefined) checkRepeated(trainedOn, undefined, `${path}/config.json`, `descent eval ${path} --data`);
    const data = expectData(path, options.data ?? (typeof trainedOn === "string" ? trainedOn : undefined));
    const start = performance.now();
    const { examples, notes, leftOut } = await loadExamples(model, { options: trainedWith }, { ...reading, data });
    const readingMs = performance.now() - start;
    for (const text of notes) note(text, leftOut.includes(text));
    const { nodeTaskNamed } = await import("../../tasks/table-node.js");
    const { measure } = nodeTaskNamed(model.task.name);
    const measurement = await model.measure(examples);
    if (measurement === undefined && measure === undefined)
      throw new ConfigError(`eval ${path}: expected a task whose answers can be evaluated, got ${model.task.name}`);
    const { run } = splitRunPath(path);
    const metrics = {
      ...measurement?.result(),
      ...measurement?.details?.(),
      ...(await measure?.({ model, run, examples, measurement, open: TrainedModel.open })),
    };
    const { textCount } = await import("../../tasks/shared/windows.js");
    const count = textCount(examples);
    print(metricsTable({ [`${count} examples`]: metrics }));
    const operating = operatingOf(measurement, model.info);
    if (operating !== undefined) print(`\n${operatingTable(operating)}`);
    await noteProfile(options, { path, use, open: openModel, model, examples, readingMs, note });
    return { run: path, data, examples: count, metrics, operatingPoints: operating };
  },
});
