"""Fine-tuning by parameter groups of PyTorch: `python scripts/golden/fine-tuning.py > test/golden/fine-tuning.json`.

The classifier of test/fixtures/language-models/bert-sequence, without dropout, takes a few steps of AdamW on the fixture's inputs: embeddings frozen, rates that
fall by 0.75 from layer to layer, the classifier at twice its rate, and no decay of biases. Of each parameter the change is kept, as its sum and its norm.
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import BertForSequenceClassification

torch.set_num_threads(1)
FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "language-models" / "bert-sequence"
RATE, DECAY, WEIGHT_DECAY, STEPS, LAYERS = 1e-3, 0.75, 0.1, 6, 2

model = BertForSequenceClassification.from_pretrained(FOLDER, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).double().train()
tensors = load_file(FOLDER / "expected.safetensors")
inputs = {k.removeprefix("input."): v.long() for k, v in tensors.items() if k.startswith("input.")}


def depth(name):
    """As BEiT's code counts: embeddings 0, layers from 1, everything else above them."""
    if ".embeddings." in name:
        return 0
    if ".layer." in name:
        return int(name.split(".layer.")[1].split(".")[0]) + 1
    return LAYERS + 1


groups = []
for name, p in model.named_parameters():
    if name.startswith("bert.embeddings."):
        p.requires_grad_(False)
        continue
    factor = DECAY ** (LAYERS + 1 - depth(name)) * (2 if name.startswith("classifier.") else 1)
    groups.append({"params": [p], "lr": RATE * factor, "weight_decay": 0.0 if name.endswith(".bias") else WEIGHT_DECAY})
optimizer = torch.optim.AdamW(groups)
before = {k: p.detach().clone() for k, p in model.named_parameters()}
losses = []
for _ in range(STEPS):
    logits = model(input_ids=inputs["tokens"], attention_mask=inputs["mask"], token_type_ids=inputs["types"]).logits
    loss = torch.nn.functional.cross_entropy(logits, inputs["labels"])
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
changes = {k: [(p - before[k]).sum().item(), (p - before[k]).norm().item()] for k, p in model.named_parameters()}
made_by = f"scripts/golden/fine-tuning.py, PyTorch {torch.__version__}, transformers {transformers.__version__}"
print(
    json.dumps(
        {"madeBy": made_by, "rate": RATE, "layerDecay": DECAY, "weightDecay": WEIGHT_DECAY, "losses": losses, "changes": changes},
        separators=(",", ":"),
    )
)
