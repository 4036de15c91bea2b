/**
 * @module `descent cost`: figures of a graph that are known by hand.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { fromNumbers, Graph, input, Parameter, symbol } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { lowerGraph } from "../../src/ops/index.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

test("cost: parameters, FLOPs and energy of one matrix product, by batch", () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-cost-"));
  try {
    const weight = new Parameter([20, 30], { initializer: () => [] });
    const graph = lowerGraph(new Graph({ y: input("x", [symbol("N"), 20]).matMul(weight) }), "onnx");
    const values = new Map([[weight, fromNumbers("float32", [20, 30], new Float32Array(600))]]);
    const file = join(folder, "product.onnx");
    writeFileSync(file, exportGraph(graph, { names: new Map([[weight, "weight"]]), values }));
    const ran = spawnSync(process.execPath, [main, "cost", file, "--batch", "4", "--watts", "10", "--device", "cpu", "--json"], {
      encoding: "utf8",
    });
    assert.equal(ran.status, 0, ran.stderr);
    const cost = JSON.parse(ran.stdout) as Record<string, number>;
    assert.equal(cost["parameters"], 600);
    assert.equal(cost["parameterBytes"], 2400);
    assert.equal(cost["flops"], 2 * 4 * 20 * 30);
    assert.ok((cost["milliseconds"] as number) > 0);
    assert.equal(cost["joules"], (10 * (cost["milliseconds"] as number)) / 1000);

    const cost4 = (...shape: readonly string[]) =>
      spawnSync(process.execPath, [main, "cost", file, "--runs", "1", "--device", "cpu", "--json", ...shape], {
        encoding: "utf8",
      });
    for (const shape of ["N=4", "x=4x20"]) {
      const given = cost4("--shape", shape);
      assert.equal(given.status, 0, given.stderr);
      assert.equal((JSON.parse(given.stdout) as Record<string, number>)["flops"], 2 * 4 * 20 * 30);
    }
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["--shape", "N=4", "--shape", "N=5"], /--shape N=5: expected one value for N, got 4 before/],
      [["--shape", "N=4", "--shape", "x=5x20"], /input "x": expected \[N, 20\] where N = 4, got \[5, 20\]/],
      [["--shape", "x=4x20", "--shape", "x=5x20"], /--shape x=5x20: expected one value for x, got 4x20 before/],
      [["--shape", "x=4x21"], /input "x": expected \[N, 20\] where N = 4, got \[4, 21\]/],
      [["--shape", "N=99999999999"], /--shape N=99999999999: expected lengths of at most 2147483647, got 99999999999/],
      [["--shape", "N=2147483647"], /expected inputs and outputs within this machine's memory of [\d.]+ GiB, got [\d.]+ GiB/],
      [["--shape", "M=4"], /--shape M=4: expected a name of the model's, which has free dimensions N and inputs x, got M/],
      [["--shape", "N"], /--shape N: expected NAME=NUMBER/],
    ];
    for (const [shape, message] of refused) {
      const { status, stderr } = cost4(...shape);
      assert.equal(status, 2);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split("\n").length, 1);
    }

    const wrong = spawnSync(process.execPath, [main, "cost", join(folder, "none.onnx")], { encoding: "utf8" });
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^descent: none\.onnx: |none\.onnx: expected/);
    assert.equal(wrong.stderr.trim().split("\n").length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("cost: training, layers, memory by batch and a picture of a model by name; a modelled energy is called so", () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-cost-"));
  try {
    const picture = join(folder, "lenet.svg");
    const env = { ...process.env, XDG_CACHE_HOME: folder };
    const cost = (...more: readonly string[]) =>
      spawnSync(
        process.execPath,
        [main, "cost", "lenet-5", "--batch", "4", "--runs", "1", "--device", "cpu", "--json", ...more],
        {
          encoding: "utf8",
          env,
        },
      );
    const ran = cost("--draw", picture);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /measuring this machine/);
    const found = JSON.parse(ran.stdout) as {
      readonly multiplyAdds: number;
      readonly energy: string;
      readonly training: {
        readonly forward: { readonly multiplyAdds: number };
        readonly backward: { readonly multiplyAdds: number };
      };
      readonly layers: readonly { readonly path: string; readonly time: { readonly stepMs: number } }[];
      readonly byBatch: readonly { readonly batch: number; readonly training: { readonly working: number } }[];
      readonly machine: { readonly productFlops: number };
    };
    // 416,520 multiply-adds an image; backward twice that, but for the gradient to the images.
    assert.equal(found.multiplyAdds, 4 * 416_520);
    assert.equal(found.training.backward.multiplyAdds, 4 * (2 * 416_520 - 28 * 28 * 6 * 25));
    assert.deepEqual(
      found.layers.map(({ path }) => path).filter((path) => !path.startsWith("(")),
      ["conv1", "pool", "conv2", "fc1", "fc2", "fc3"],
    );
    assert.ok(found.layers.every(({ time }) => time.stepMs >= 0));
    assert.deepEqual(
      found.byBatch.map(({ batch }) => batch),
      [1, 4, 8, 32, 128],
    );
    const working = found.byBatch.map(({ training }) => training.working);
    assert.deepEqual(
      working,
      [...working].sort((a, b) => a - b),
    );
    assert.match(found.energy, /^(modelled|measured)$/);
    assert.match(readFileSync(picture, "utf8"), /conv1/);
    // The second time the machine is known.
    const again = cost();
    assert.doesNotMatch(again.stderr, /measuring this machine/);
    assert.deepEqual((JSON.parse(again.stdout) as typeof found).machine, found.machine);
    const wrong = cost("--draw", join(folder, "lenet.jpg"));
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /--draw \S+: expected a file that ends in \.svg/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("cost: a model by name is counted as in its paper, without the heads that only training uses", () => {
  const cost = (name: string): Record<string, number> => {
    const ran = spawnSync(process.execPath, [main, "cost", name, "--runs", "1", "--device", "cpu", "--json"], {
      encoding: "utf8",
    });
    assert.equal(ran.status, 0, ran.stderr);
    return JSON.parse(ran.stdout) as Record<string, number>;
  };
  assert.equal(cost("lenet-5")["parameters"], 61_706);
  const { parameters, parameterBytes } = cost("googlenet");
  assert.equal(parameters, 6_624_904);
  // Two statistics for each of 7,280 normalized channels beside the parameters.
  assert.equal(parameterBytes, 4 * (6_624_904 + 2 * 7_280));
});
