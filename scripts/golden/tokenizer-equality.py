"""The Python side of scripts/tokenizer-equality.ts: hashes of ids and places of every line, and merges learned from the same text.
`python scripts/golden/tokenizer-equality.py FOLDER SIZE` prints JSON."""

import glob
import hashlib
import json
import os
import sys
import time
from array import array

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

folder, size = sys.argv[1], int(sys.argv[2])


def lines_of(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read().split("\n")


def in_utf16(text, offsets):
    if not any(ord(c) > 0xFFFF for c in text):
        return [p for pair in offsets for p in pair]
    units = [0]
    for c in text:
        units.append(units[-1] + (2 if ord(c) > 0xFFFF else 1))
    return [units[p] for pair in offsets for p in pair]


def hash_of(tokenizer, lines):
    digest = hashlib.sha256()
    for at in range(0, len(lines), 4096):
        chunk = lines[at : at + 4096]
        for text, e in zip(chunk, tokenizer.encode_batch(chunk)):
            # Tokens of the template stand at 0, 0 in any text.
            digest.update(array("i", e.ids).tobytes())
            digest.update(array("i", in_utf16(text, e.offsets)).tobytes())
            digest.update(b"\xff\xff\xff\xff")
    return digest.hexdigest()


hashes = {}
for name in ("bpe", "wordPiece", "characters"):
    t = Tokenizer.from_file(os.path.join(folder, f"{name}.json"))
    hashes[name] = {os.path.basename(p)[: -len(".lines")]: hash_of(t, lines_of(p)) for p in sorted(glob.glob(os.path.join(folder, "*.lines")))}

learned = Tokenizer(models.BPE())
learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(
    vocab_size=size,
    min_frequency=2,
    special_tokens=["<|endoftext|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
training = lines_of(os.path.join(folder, "training.txt"))
start = time.time()
learned.train_from_iterator(training, trainer)
seconds = time.time() - start
ours = json.load(open(os.path.join(folder, "bpe.json"), encoding="utf-8"))["model"]["merges"]
same = json.loads(learned.to_str())["model"]["merges"] == ours
print(json.dumps({"version": f"tokenizers {tokenizers.__version__}", "trainSeconds": round(seconds, 2), "sameMerges": same, "hashes": hashes}))
