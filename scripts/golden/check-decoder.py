"""A run's decoder.onnx (and encoder.onnx) in Python: `python scripts/golden/check-decoder.py RUN PROMPT...` (needs onnx, onnxruntime, tokenizers; a
build in dist).

onnx.checker on the files, then ONNX Runtime's Python package writes the likeliest tokens after each prompt (or from each source), with the keys and
values of the last call as the next one's past, against what `descent generate` writes from the run's checkpoint. Prints one row of a table; fails
where a text differs.
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
tokenizer = Tokenizer.from_file(os.path.join(run, "tokenizer.json"))


class File:
    """A graph of the run, which gives its outputs by name."""

    def __init__(self, name):
        path = os.path.join(run, name)
        self.model = onnx.load(path)
        onnx.checker.check_model(self.model, full_check=True)
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [o.name for o in self.session.get_outputs()]

    def __call__(self, feeds):
        return dict(zip(self.names, self.session.run(self.names, feeds)))


def past_of(outputs):
    return {name.replace("present", "past_key_values"): data for name, data in outputs.items() if name.startswith("present.")}


decoder = File("decoder.onnx")
files = [decoder]
rules = {"bad_words_ids": [], "eos_token_id": None}
if translates := os.path.exists(os.path.join(run, "encoder.onnx")):
    encoder = File("encoder.onnx")
    files.insert(0, encoder)
    rules = json.loads(next(p.value for p in decoder.model.metadata_props if p.key == "descent.generation"))
pasts = [i for i in decoder.session.get_inputs() if i.name.startswith("past_key_values.") and ".encoder." not in i.name]

different = 0
for prompt in prompts:
    ids = tokenizer.encode(prompt, add_special_tokens=translates).ids
    fixed = {}
    if translates:
        mask = np.ones((1, len(ids)), np.int64)
        fixed = {**past_of(encoder({"input_ids": np.array([ids], np.int64), "attention_mask": mask})), "encoder_attention_mask": mask}
    past = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32) for i in pasts}
    new, written, place = [rules["decoder_start_token_id"]] if translates else ids, [], 0
    while len(written) < COUNT and rules["eos_token_id"] not in written:
        feeds = {"input_ids": np.array([new], np.int64), "position_ids": np.arange(place, place + len(new), dtype=np.int64)[None]}
        outputs = decoder({**feeds, **past, **fixed})
        place += len(new)
        past = past_of(outputs)
        logits = outputs["logits"][0, -1]
        logits[[token for (token,) in rules["bad_words_ids"]]] = -np.inf
        new = [int(logits.argmax())]
        written += new
    asked = ["node", main, "generate", run, prompt, "--temperature", "0", "--max-tokens", str(COUNT), "--json", "--quiet"]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True)
    different += int(json.loads(answer.stdout)["text"] != tokenizer.decode(written))
opset = next(o.version for o in decoder.model.opset_import if o.domain == "")
nodes = " + ".join(str(len(file.model.graph.node)) for file in files)
print(f"| {decoder.model.graph.name} | {len(prompts)} | {COUNT} | {nodes} | {opset} | {different} |")
sys.exit(0 if different == 0 else 1)
