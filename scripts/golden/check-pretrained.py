"""A run's checkpoint in transformers: `python scripts/golden/check-pretrained.py RUN TEXT...` (needs transformers, safetensors; a build in dist).

The folder RUN/pretrained of a run of token-classification with BERT, opened by AutoModelForTokenClassification and AutoTokenizer: the names of its
labels, the subwords of each text (whose words stand apart by single spaces), and the logits at the first subword of each word, against what
Descent's own evaluation gives. Prints one row of a table; fails where a number differs by more than 1e-4, or a token differs.
"""

import json
import os
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer

run, texts = sys.argv[1], sys.argv[2:]
here = os.path.dirname(os.path.abspath(__file__))
script = os.path.join(here, "..", "..", "dist", "scripts", "run-answers.js")
folder = os.path.join(run, "pretrained")
model = AutoModelForTokenClassification.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
with open(os.path.join(run, "config.json")) as file:
    tags = json.load(file)["info"]["tags"]
assert [model.config.id2label[i] for i in range(model.config.num_labels)] == tags, model.config.id2label

worst, words, rows = 0.0, 0, 0
for text in texts:
    with tempfile.TemporaryDirectory() as temporary:
        out = os.path.join(temporary, "answers.safetensors")
        subprocess.run(["node", script, run, out, text], check=True)
        ours = load_file(out)
    encoded = tokenizer(text.split(" "), is_split_into_words=True, return_tensors="pt")
    length = encoded["input_ids"].shape[1]
    assert ours["0.in.input_ids"][0, :length].tolist() == encoded["input_ids"][0].tolist(), text
    assert ours["0.in.attention_mask"][0].sum() == length, text
    with torch.no_grad():
        logits = model(**encoded).logits[0]
    places = [t for t, word in enumerate(encoded.word_ids()) if word is not None and word != ([None] + encoded.word_ids())[t]]
    emissions = ours["0.out.emissions"][0, : len(places)]
    worst = max(worst, float((logits[places] - emissions).abs().max()))
    words += len(places)
    rows += 1
assert rows > 0, "no texts"
print(f"| {type(model).__name__} | {model.config.num_labels} labels | {rows} texts | {words} words | {worst:.1e} |")
sys.exit(0 if worst <= 1e-4 else 1)
