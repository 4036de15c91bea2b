/**
 * @module The parity certificate of every compressed file: its outputs on the engines of this machine, beside those of the original.
 */
import type { Bilingual } from "../../charts/charts.js";
import type { Parity, Place } from "../../compress/certificate.js";
import { parityOf } from "../../compress/certificate.js";
import type { ModelProto } from "../../onnx/index.js";
import { textTable } from "../../report/compression.js";
import { platformRuntime } from "../../runtime/index.js";
import { wasmRuntime } from "../../runtime/ort-wasm-node.js";
import { SessionError } from "../../util/errors.js";
import { isMissing } from "../../util/optional-package.js";
import { batchOf } from "./before-after-node.js";
import type { CompressionData, CompressionSource } from "./source-node.js";

/** Number of examples whose outputs are compared. */
export const COMPARED = 16;

/** Tells what the certificate leaves out. */
type Note = (text: string) => void;

/** Finds the engines on which the file is compared: the CPU, WebAssembly where its package is installed, and WebGPU if there is one. */
export async function placesHere(note: Note): Promise<readonly [Place, ...Place[]]> {
  const runtime = await platformRuntime();
  const gpu: Place[] = runtime.devices.includes("webgpu") ? [{ runtime, device: "webgpu" }] : [];
  const wasm = await wasmRuntime().then(
    (engine): Place[] => [{ runtime: engine, device: "wasm" }],
    (error: Error) => {
      if (!isMissing(error.cause, "onnxruntime-web")) throw error;
      note(`left out of the parity certificate: ${error.message}`);
      return [];
    },
  );
  return [{ runtime, device: "cpu" }, ...wasm, ...gpu];
}

/** Compares a compressed file with its original on test examples; a device whose engine refuses the file is left out. */
export async function parityHere(
  { model, file }: CompressionSource,
  { test }: CompressionData,
  compressed: ModelProto,
  note: Note,
): Promise<Parity> {
  const batches = [await batchOf(model, test, Math.min(COMPARED, test.length))];
  const [cpu, ...others] = await placesHere(note);
  const parity = await parityOf(file, compressed, batches, [cpu]);
  const devices = [...parity.devices];
  for (const place of others)
    try {
      devices.push(...(await parityOf(file, compressed, batches, [cpu, place])).devices.slice(1));
    } catch (cause) {
      if (!(cause instanceof SessionError)) throw cause;
    }
  return { ...parity, devices, keptInFloat: [] };
}

/** The certificate as a report shows it. */
export function paritySection({
  devices,
  examples,
  keptInFloat,
}: Parity): { readonly title: Bilingual; readonly html: string }[] {
  const rows = devices.map(({ device, fromOriginal, fromCpu }): Bilingual[] => [
    device,
    fromOriginal.cosine.toFixed(6),
    fromOriginal.relativeError.toExponential(2),
    fromCpu.cosine.toFixed(6),
    fromCpu.relativeError.toExponential(2),
  ]);
  const head: Bilingual[] = [
    { en: `outputs of ${examples} examples on`, zh: `${examples} 个样本的输出，设备` },
    { en: "cosine with the original", zh: "与原模型的余弦" },
    { en: "relative error", zh: "相对误差" },
    { en: "cosine with the CPU", zh: "与 CPU 的余弦" },
    { en: "relative error", zh: "相对误差" },
  ];
  const kept: Bilingual[][] = keptInFloat.map((name) => [{ en: `${name} stays in float32`, zh: `${name} 保持 float32` }]);
  return [{ title: { en: "Parity certificate", zh: "一致性证书" }, html: textTable(head, [...rows, ...kept]) }];
}
