"""LightGBM's side of scripts/boosting-speed.ts: `boosting.py FOLDER [THREADS]`, on the rows that it left there."""
import pathlib
import sys
import time

import lightgbm
import numpy

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
x = numpy.fromfile(folder / "x.bin", numpy.float32).reshape(-1, 12)
targets = {"quantity": (lightgbm.LGBMRegressor, numpy.fromfile(folder / "quantity.bin")), "classes": (lightgbm.LGBMClassifier, numpy.fromfile(folder / "labels.bin", numpy.int32))}
for name, (kind, y) in targets.items():
    walls, cpus = [], []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        model = kind(n_jobs=threads, verbose=-1).fit(x, y)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    print(f"{name}, {threads} threads: least of 3: {min(walls):.2f} s, {min(cpus):.2f} s of the processor")
    times = []
    for _ in range(7):
        wall = time.perf_counter()
        model.predict(x, raw_score=True, num_threads=threads)
        times.append(time.perf_counter() - wall)
    print(f"{name}: {len(x)} rows: least of 7: {1e3 * min(times):.1f} ms")
