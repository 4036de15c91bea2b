import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openEnergyMeter } from "./energy-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-rapl-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function set(name: string, energy: number, range = 1000): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "energy_uj"), `${energy * 1e6}\n`);
  writeFileSync(join(folder, name, "max_energy_range_uj"), `${range * 1e6}\n`);
}

test("packages are summed, parts of them left out, a counter that begins anew goes on", () => {
  set("intel-rapl:0", 100);
  set("intel-rapl:1", 990);
  set("intel-rapl:0:0", 5);
  const meter = openEnergyMeter(folder);
  set("intel-rapl:0", 130);
  set("intel-rapl:1", 20);
  assert.equal(meter?.read(), 60);
  set("intel-rapl:0", 131);
  assert.equal(meter?.read(), 1);
  rmSync(join(folder, "intel-rapl:1", "energy_uj"));
  assert.equal(meter?.read(), undefined);
});

test("a system without counters has no meter", () => {
  assert.equal(openEnergyMeter(join(folder, "absent")), undefined);
  assert.equal(openEnergyMeter(join(folder, "intel-rapl:0")), undefined);
});
