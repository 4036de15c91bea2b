"""A run's model.onnx in Python: `python scripts/golden/check-run.py RUN INPUT...` (needs onnx, onnxruntime, safetensors; a build in dist).

onnx.checker on the file, then ONNX Runtime's Python package on the very tensors that Descent encoded, against what Descent's own
evaluation (from the checkpoint, not from the file) gives for them. Prints one row of a table; fails where a number differs by more
than 1e-4 of the greatest, or a label differs.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

run, inputs = sys.argv[1], sys.argv[2:]
here = os.path.dirname(os.path.abspath(__file__))
script = os.path.join(here, "..", "..", "dist", "scripts", "run-answers.js")
with tempfile.TemporaryDirectory() as folder:
    out = os.path.join(folder, "answers.safetensors")
    subprocess.run(["node", script, run, out, *inputs], check=True)
    tensors = load_file(out)

path = os.path.join(run, "model.onnx")
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
metadata = {p.key: p.value for p in model.metadata_props}
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
wanted = [i.name for i in session.get_inputs()]
names = [o.name for o in session.get_outputs()]

rows, worst, different, batches = 0, 0.0, 0, 0
while f"{batches}.in.{wanted[0]}" in tensors:
    given = {name: tensors[f"{batches}.in.{name}"] for name in wanted}
    rows += len(given[wanted[0]])
    for name, value in zip(names, session.run(names, given)):
        expected = tensors[f"{batches}.out.{name}"]
        assert value.shape == expected.shape and value.dtype == expected.dtype, (name, value.shape, expected.shape)
        if value.dtype.kind == "f":
            worst = max(worst, float(np.max(np.abs(value - expected)) / max(1.0, np.max(np.abs(expected)))))
            if name == "logits" and value.ndim == 2:
                different += int((value.argmax(1) != expected.argmax(1)).sum())
        else:
            different += int((value != expected).sum())
    batches += 1
assert rows > 0, "no inputs"
opset = next(o.version for o in model.opset_import if o.domain == "")
print(
    f"| {metadata['descent.task']} | {metadata['descent.model']} | {rows} | {len(model.graph.node)} | {opset} "
    f"| {', '.join(names)} | {worst:.1e} | {different} |"
)
sys.exit(0 if worst <= 1e-4 and different == 0 else 1)
