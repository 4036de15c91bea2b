"""Exported explanations in Python: `python scripts/golden/check-exported.py RUN METHOD...` (needs onnx, onnxruntime, safetensors; a build in dist).

onnx.checker on what `descent export RUN --explain METHOD` writes, then ONNX Runtime's Python package on batches of 1 and 7, against what the library's
`explain` gives for the same rows and targets. Prints a row of a table for each method; fails where a number differs by more than 1e-5 of the greatest.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

run, methods = sys.argv[1], sys.argv[2:]
here = os.path.dirname(os.path.abspath(__file__))
script = os.path.join(here, "..", "..", "dist", "scripts", "exported-answers.js")
failed = not methods
for method in methods:
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "model.onnx"), os.path.join(folder, "answers.safetensors")
        subprocess.run(["node", script, run, method, path, out], check=True)
        tensors = load_file(out)
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = {p.key: p.value for p in model.metadata_props}
    assert json.loads(metadata["descent.explanation"])["method"] == method
    wanted = [i.name for i in session.get_inputs()]
    worst = 0.0
    for n in (1, 7):
        (got,) = session.run(["attribution"], {name: tensors[f"{n}.in.{name}"] for name in wanted})
        expected = tensors[f"{n}.out.attribution"]
        assert got.shape == expected.shape and got.dtype == expected.dtype, (got.shape, expected.shape)
        assert np.abs(expected).max() > 0, "an attribution of zeros compares nothing"
        worst = max(worst, float(np.abs(got - expected).max() / np.abs(expected).max()))
    failed |= not worst <= 1e-5
    shape = session.get_outputs()[[o.name for o in session.get_outputs()].index("attribution")].shape
    print(
        f"| {metadata['descent.task']} | {metadata['descent.model']} | {method} | {', '.join(wanted)} "
        f"| {shape} | {len(model.graph.node)} | {worst:.1e} |"
    )
sys.exit(1 if failed else 0)
