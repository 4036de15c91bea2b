"""A run's decoder.onnx in Python: `python scripts/golden/check-decoder.py RUN PROMPT...` (needs onnx, onnxruntime, tokenizers; a build in dist).

onnx.checker on the file, then ONNX Runtime's Python package writes the likeliest tokens after each prompt, with the keys and values of the
last call as the next one's past, against what `descent generate` writes from the run's checkpoint. Prints one row of a table; fails where a
text differs.
"""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

COUNT = 40
run, prompts = sys.argv[1], sys.argv[2:]
here = os.path.dirname(os.path.abspath(__file__))
main = os.path.join(here, "..", "..", "dist", "src", "cli", "main.js")
path = os.path.join(run, "decoder.onnx")
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(os.path.join(run, "tokenizer.json"))
pasts = [i for i in session.get_inputs() if i.name.startswith("past_key_values.")]
names = [o.name for o in session.get_outputs()]

different = 0
for prompt in prompts:
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    past = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32) for i in pasts}
    new, written, place = ids, [], 0
    while len(written) < COUNT:
        feeds = {"input_ids": np.array([new], np.int64), "position_ids": np.arange(place, place + len(new), dtype=np.int64)[None]}
        outputs = dict(zip(names, session.run(names, {**feeds, **past})))
        place += len(new)
        past = {name: outputs[name.replace("past_key_values", "present")] for name in past}
        new = [int(outputs["logits"][0, -1].argmax())]
        written += new
    asked = ["node", main, "generate", run, prompt, "--temperature", "0", "--max-tokens", str(COUNT), "--json", "--quiet"]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True)
    different += int(json.loads(answer.stdout)["text"] != tokenizer.decode(written))
opset = next(o.version for o in model.opset_import if o.domain == "")
print(f"| {model.graph.name} | {len(prompts)} | {COUNT} | {len(model.graph.node)} | {opset} | {different} |")
sys.exit(0 if different == 0 else 1)
