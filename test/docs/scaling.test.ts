/**
 * @module The tables of docs/scaling.md are what the model gives, and the examples for clusters are what their launchers read.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import * as z from "zod";
import { dataEfficiency, dataTable, NETWORKS, pipelineEfficiency, splitTable, sumSeconds } from "../../scripts/scaling-model.js";
import { ROOT } from "./markdown.js";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

test("both languages of docs/scaling.md show the model's tables", () => {
  for (const file of ["docs/scaling.md", "docs/zh/scaling.md"])
    for (const table of [dataTable(8192), splitTable()]) assert.ok(read(file).includes(table), `${file}:\n${table}`);
});

test("the model has its known limits", () => {
  const [network] = NETWORKS as [(typeof NETWORKS)[number]];
  assert.equal(sumSeconds(1e9, 1, network), 0);
  // Without latency a sum among many costs twice the bytes.
  assert.ok(Math.abs(sumSeconds(1e9, 2 ** 20, { ...network, alpha: 0 }) / (2e9 / network.beta) - 1) < 1e-5);
  assert.equal(dataEfficiency(1e8, 8192, 1, network), 1);
  // GPipe's bubble, where nothing is sent.
  assert.ok(Math.abs(pipelineEfficiency(4, 9, { name: "", alpha: 0, beta: Infinity }) - 9 / 12) < 1e-12);
});

test("the hostfile, Slurm's script and the MPIJob are what their launchers read", () => {
  const hosts = read("examples/cluster/hostfile")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(hosts.length > 1 && hosts.every((line) => /^[\w.-]+ slots=\d+$/.test(line)), hosts.join("\n"));

  const script = read("examples/cluster/slurm.sh");
  const checked = spawnSync("bash", ["-n", join(ROOT, "examples/cluster/slurm.sh")]);
  if (checked.error === undefined) assert.equal(checked.status, 0, checked.stderr.toString());
  assert.match(script, /^srun --mpi=pmix .*descent train "\$\{arguments\[@\]\}"$/m);
  assert.ok([...script.matchAll(/^#SBATCH (.*)$/gm)].every(([, option]) => /^--[a-z-]+(=\S+)?$/.test(option ?? "")));

  const container = z.looseObject({ image: z.string(), command: z.array(z.string()).optional() });
  const pods = z.object({
    replicas: z.int().positive(),
    template: z.object({ spec: z.looseObject({ containers: z.array(container).min(1), volumes: z.array(z.unknown()).min(1) }) }),
  });
  const job = z
    .object({
      apiVersion: z.literal("kubeflow.org/v2beta1"),
      kind: z.literal("MPIJob"),
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        slotsPerWorker: z.int().positive(),
        runPolicy: z.looseObject({}),
        mpiReplicaSpecs: z.object({ Launcher: pods, Worker: pods }),
      }),
    })
    .parse(parse(read("examples/cluster/mpijob.yaml")));
  const { slotsPerWorker, mpiReplicaSpecs } = job.spec;
  const command = mpiReplicaSpecs.Launcher.template.spec.containers[0]?.command?.at(-1) ?? "";
  const ranks = [...command.matchAll(/mpirun -n (\d+) descent train/g)].map(([, count]) => Number(count));
  assert.deepEqual(ranks, [slotsPerWorker * mpiReplicaSpecs.Worker.replicas, slotsPerWorker * mpiReplicaSpecs.Worker.replicas]);
});
