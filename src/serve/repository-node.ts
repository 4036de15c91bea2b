/**
 * @module A model as a folder for the engines that clusters run: Triton's repository, KServe's service, a Kubernetes manifest, a container file without root.
 */
import { existsSync } from "node:fs";
import { cp, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decoderOnnx, isDecoder } from "../generate/index.js";
import { type DeclaredValue, OnnxModel } from "../onnx/index.js";
import { openModel } from "../tasks/use/open-node.js";
import { loadOnnx } from "../data/node.js";
import type { TaskInfo } from "../tasks/task.js";
import { ConfigError } from "../util/errors.js";
import { datatypeOf } from "./tensors.js";
import { makeFolders } from "../util/folders-node.js";

export const REPOSITORY_FORMATS = ["kserve", "triton"] as const;
export type RepositoryFormat = (typeof REPOSITORY_FORMATS)[number];

/** The files that were written. */
export interface WrittenRepository {
  readonly folder: string;
  readonly files: readonly string[];
}

/** Rows that Triton puts together at most. */
const MOST_ROWS = 64;
const DELAY_US = 1000;

/** A name for addresses and files: lower case, as Kubernetes wants it. ConfigError for one that has nothing of the kind. */
export function repositoryName(path: string): string {
  const name = basename(path)
    .replace(/\.(onnx|gguf)$/, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 50);
  if (name === "") throw new ConfigError(`${path}: expected a name with letters or digits, got none; rename it`);
  return name;
}

/** Triton's names of element types. */
const tritonType = ({ dtype = "float32" }: DeclaredValue): string => {
  const name = datatypeOf(dtype);
  return `TYPE_${name === "BYTES" ? "STRING" : name}`;
};

/** Whether the first dimension is free in all inputs and outputs: rows of several requests may run together then. */
const isBatched = (values: readonly DeclaredValue[]): boolean =>
  values.every(({ shape }) => shape !== undefined && shape.length > 0 && typeof shape[0] !== "number");

function tensors(kind: "input" | "output", values: ReadonlyMap<string, DeclaredValue>, batched: boolean): string {
  const each = [...values].map(([name, value]) => {
    const dims = (value.shape ?? []).slice(batched ? 1 : 0).map((d) => (typeof d === "number" ? d : -1));
    // Triton wants one dimension at least.
    const shaped = dims.length === 0 ? "dims: [ 1 ]\n    reshape: { shape: [ ] }" : `dims: [ ${dims.join(", ")} ]`;
    return `  {\n    name: ${JSON.stringify(name)}\n    data_type: ${tritonType(value)}\n    ${shaped}\n  }`;
  });
  return `${kind} [\n${each.join(",\n")}\n]\n`;
}

/** Triton's `config.pbtxt` of an ONNX file. */
export function tritonConfig(name: string, file: OnnxModel): string {
  const batched = isBatched([...file.declaredInputs.values(), ...file.declaredOutputs.values()]);
  return [
    `name: ${JSON.stringify(name)}\n`,
    'backend: "onnxruntime"\n',
    `max_batch_size: ${batched ? MOST_ROWS : 0}\n`,
    tensors("input", file.declaredInputs, batched),
    tensors("output", file.declaredOutputs, batched),
    batched ? `dynamic_batching {\n  max_queue_delay_microseconds: ${DELAY_US}\n}\n` : "",
    "instance_group [ { kind: KIND_CPU } ]\n",
    "version_policy { latest { num_versions: 1 } }\n",
  ].join("");
}

const PORT = 8000;

/** A container file: the models beside it, no root, no shell script. */
export const containerFile = (version: string): string => `# Build: podman build -t REGISTRY/IMAGE:TAG .   (or docker build)
FROM docker.io/library/node:22-slim
ENV NODE_ENV=production
WORKDIR /app
RUN npm install --ignore-scripts --no-audit --no-fund descentjs@${version} && npm cache clean --force
COPY model /models/model
USER 10001:10001
EXPOSE ${PORT}
ENTRYPOINT ["node", "/app/node_modules/descentjs/dist/src/cli/main.js", "serve", "--host", "0.0.0.0", "--port", "${PORT}"]
`;

/** The container, as both manifests have it. */
function container(name: string, file: string, indent: string): string {
  return [
    `- name: ${name}`,
    "  image: REGISTRY/IMAGE:TAG",
    `  args: ["${name}=/models/model/${file}", "--grace", "25"]`,
    "  ports:",
    `    - { name: http, containerPort: ${PORT} }`,
    "  resources:",
    '    requests: { cpu: "1", memory: 1Gi }',
    '    limits: { cpu: "2", memory: 4Gi }',
    "  readinessProbe:",
    "    httpGet: { path: /v2/health/ready, port: http }",
    "    periodSeconds: 2",
    "  livenessProbe:",
    "    httpGet: { path: /v2/health/live, port: http }",
    "    periodSeconds: 10",
    "  startupProbe:",
    "    httpGet: { path: /v2/health/ready, port: http }",
    "    periodSeconds: 2",
    "    failureThreshold: 150",
    "  securityContext:",
    "    runAsNonRoot: true",
    "    runAsUser: 10001",
    "    allowPrivilegeEscalation: false",
    "    readOnlyRootFilesystem: true",
    "    capabilities: { drop: [ALL] }",
    "  volumeMounts:",
    "    - { name: tmp, mountPath: /tmp }",
  ]
    .map((line) => `${indent}${line}\n`)
    .join("");
}

/** A Deployment, its Service, and how many there are by their load. */
export const kubernetesManifest = (name: string, file: string): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  replicas: 2
  selector:
    matchLabels: { app: ${name} }
  strategy:
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels: { app: ${name} }
      annotations: { prometheus.io/scrape: "true", prometheus.io/path: /metrics, prometheus.io/port: "${PORT}" }
    spec:
      terminationGracePeriodSeconds: 30
      automountServiceAccountToken: false
      securityContext:
        seccompProfile: { type: RuntimeDefault }
      containers:
${container(name, file, "        ")}      volumes:
        - { name: tmp, emptyDir: {} }
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector: { app: ${name} }
  ports:
    - { name: http, port: 80, targetPort: http }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: ${name}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  minReplicas: 2
  maxReplicas: 8
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: 70 }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: ${name}
spec:
  minAvailable: 1
  selector:
    matchLabels: { app: ${name} }
`;

/** KServe's service with the same container. */
export const inferenceService = (name: string, file: string): string => `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: ${name}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 8
    containers:
${container(name, file, "      ").replace(`- name: ${name}`, "- name: kserve-container")}    volumes:
      - { name: tmp, emptyDir: {} }
`;

/** The ONNX file of a model, with what the task knows of it. */
async function onnxOf(path: string): Promise<{ readonly bytes: Uint8Array; readonly file: OnnxModel; readonly info: TaskInfo }> {
  const { model } = await openModel(path, { device: "cpu" });
  try {
    const bytes = isDecoder(model.model) ? decoderOnnx(model.model, model.weights) : model.toOnnx();
    return { bytes, file: new OnnxModel(bytes, { where: path }), info: model.info };
  } finally {
    await model.dispose();
  }
}

/** Writes Triton's layout: one folder for the model, a version below it, and beside them what a client needs to know. */
async function writeTriton(path: string, name: string, folder: string): Promise<string[]> {
  const version = join(folder, name, "1");
  makeFolders(version);
  const files = [join(name, "config.pbtxt"), join(name, "1", "model.onnx")];
  let file: OnnxModel;
  let info: TaskInfo = {};
  if (path.endsWith(".onnx")) {
    // Somebody's file stays as it is.
    file = await loadOnnx(path);
    await cp(path, join(version, "model.onnx"));
  } else {
    const made = await onnxOf(path);
    ({ file, info } = made);
    await writeFile(join(version, "model.onnx"), made.bytes);
  }
  await writeFile(join(folder, name, "config.pbtxt"), tritonConfig(name, file));
  const { tokenizer, classes } = info as { readonly tokenizer?: unknown; readonly classes?: unknown };
  if (typeof tokenizer === "string") {
    await writeFile(join(folder, name, "tokenizer.json"), tokenizer);
    files.push(join(name, "tokenizer.json"));
  }
  if (Array.isArray(classes) && classes.length > 0) {
    await writeFile(join(folder, name, "labels.txt"), classes.map((label) => `${String(label)}\n`).join(""));
    files.push(join(name, "labels.txt"));
  }
  return files;
}

/** Writes a container's context: the model as it is, so that texts, images and rows are prepared inside. */
async function writeKserve(path: string, name: string, folder: string, version: string): Promise<string[]> {
  const file = basename(path);
  makeFolders(join(folder, "model"));
  await cp(path, join(folder, "model", file), {
    recursive: true,
    filter: (from) => !/(^|[\\/])(checkpoints[\\/].*optimizer|events\.out)/.test(from),
  });
  await writeFile(join(folder, "Containerfile"), containerFile(version));
  await writeFile(join(folder, "kubernetes.yaml"), kubernetesManifest(name, file));
  await writeFile(join(folder, "inference-service.yaml"), inferenceService(name, file));
  return ["model", "Containerfile", "kubernetes.yaml", "inference-service.yaml"];
}

/** Writes a model as a folder. Errors: ConfigError for a folder that is there already, and for what is not a model; those of `openModel`. */
export async function writeRepository(
  path: string,
  folder: string,
  format: RepositoryFormat,
  version: string,
): Promise<WrittenRepository> {
  const there = await stat(folder).catch(() => undefined);
  if (there !== undefined) throw new ConfigError(`--out ${folder}: expected a folder that does not exist yet, got one that does`);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new ConfigError(`${path}: expected a model, found none`);
  const isModel = info.isDirectory()
    ? existsSync(join(path, "config.json"))
    : /(\.(onnx|gguf|safetensors)|[\\/]checkpoints[\\/][^\\/]+)$/i.test(path);
  if (!isModel) throw new ConfigError(`${path}: expected a run, a checkpoint, or an ONNX or GGUF file, got something else`);
  const name = repositoryName(path);
  // Made aside, so that what fails leaves nothing that looks like a model.
  const aside = `${folder.replace(/[/\\]+$/, "")}.${process.pid}.partial`;
  try {
    const files = format === "triton" ? await writeTriton(path, name, aside) : await writeKserve(path, name, aside, version);
    await rename(aside, folder);
    return { folder, files };
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}
