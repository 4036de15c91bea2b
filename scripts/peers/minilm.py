"""PyTorch's side of fine-tuning a sentence encoder on SST-2, for its peak memory and step time: `minilm.py MODEL_FOLDER SST2_FOLDER STEPS`.

As Descent's `train text-classification --init MODEL_FOLDER --batch-size 24`: rows in four buckets of lengths (quantiles, multiples of 8), batches of 24 padded to their bucket's width,
fused AdamW with weight decay 0.01, norms clipped to 1, the validation part measured at the end in batches of 64. Two threads.
"""

import json
import random
import resource
import statistics
import sys
import time

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

folder, data, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(2)
torch.manual_seed(1)
random.seed(1)
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(256)


def rows(part):
    with open(f"{data}/{part}.tsv", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    encoded = tokenizer.encode_batch([text for text, _ in lines])
    return [(e.ids, int(label)) for e, (_, label) in zip(encoded, lines)]


def batch(examples, width):
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in examples])
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in examples])
    return ids, mask, torch.tensor([label for _, label in examples])


train, dev = rows("train"), rows("dev")
lengths = sorted(len(ids) for ids, _ in train)
bounds = sorted({-(-lengths[max(0, -(-i * len(lengths) // 4) - 1)] // 8) * 8 for i in range(1, 5)})
groups = [[] for _ in bounds]
order = list(range(len(train)))
random.shuffle(order)
for row in order:
    groups[next(i for i, bound in enumerate(bounds) if bound >= len(train[row][0]))].append(row)
flat = [row for group in groups for row in group]
batches = [flat[at : at + 24] for at in range(0, len(flat) - 23, 24)]
random.shuffle(batches)

model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
times, widths, loss = [], [], None
for step in range(steps):
    chosen = [train[row] for row in batches[step % len(batches)]]
    width = next(bound for bound in bounds if bound >= max(len(ids) for ids, _ in chosen))
    ids, mask, labels = batch(chosen, width)
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    loss.item()
    times.append(1000 * (time.perf_counter() - start))
    widths.append(width)
model.eval()
right = 0
with torch.no_grad():
    for at in range(0, len(dev), 64):
        part = dev[at : at + 64]
        ids, mask, labels = batch(part, max(len(ids) for ids, _ in part))
        right += int((model(input_ids=ids, attention_mask=mask).logits.argmax(-1) == labels).sum())
print(
    json.dumps(
        {
            "peer": f"torch {torch.__version__}",
            "peakMemoryMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "stepMs": statistics.median(times),
            "meanMs": statistics.mean(times),
            "msByWidth": {w: statistics.median(t for t, x in zip(times, widths) if x == w) for w in sorted(set(widths))},
            "accuracy": right / len(dev),
        }
    )
)
