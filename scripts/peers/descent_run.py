"""Trains with Descent's command line, and reads what the run folder says of the test part."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import tempfile


def test_metrics(task, data, seed, *more):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = ["node", "dist/src/cli/main.js", "train", task, "--data", data, "--seed", str(seed), "--out", run, "--no-check", *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(run, "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
    return {**summary["metrics"]["test"], "validation f1": summary["metrics"]["validation"]["f1"], "seconds": summary["trainSeconds"]}


def several_seeds(task, data, seeds, *more):
    """One line a seed on standard output, and the mean with its standard error."""
    runs = []
    for seed in seeds:
        runs.append(test_metrics(task, data, seed, *more))
        print(f"descent {task} {data} seed {seed}:", json.dumps(runs[-1]), flush=True)
    f1 = [run["f1"] for run in runs]
    error = statistics.stdev(f1) / len(f1) ** 0.5 if len(f1) > 1 else 0.0
    print(f"descent {task} {data}: test F1 {statistics.mean(f1):.4f} ± {error:.4f} (standard error, {len(f1)} seeds)", flush=True)


def say_where():
    """The machine and the day: a figure means nothing without."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    print(datetime.date.today(), platform.python_version(), names[0] if names else platform.processor(), f"{os.cpu_count()} cores", flush=True)
