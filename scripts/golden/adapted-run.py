"""Explanations of a run that was tuned with adapters, by PEFT and Captum: `python scripts/golden/adapted-run.py` (needs peft, transformers, captum).

test/fixtures/adapted-run is a run that Descent made of test/fixtures/checkpoints/distilbert-classifier, 48 short reviews of three classes:
`descent train text-classification --data reviews.csv --init distilbert-classifier --lora 2 --lora-alpha 8 --lr 0.02 --steps 30 --batch-size 16 --out RUN`.
PEFT reads its adapter over the base, and Captum explains that model; expected.json has both attributions over the word vectors, summed by token, and the
score, in float64, as checkpoints.py has them.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
import transformers
from captum.attr import InputXGradient, IntegratedGradients
from peft import PeftModel

torch.set_num_threads(1)
STEPS = 32
FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
RUN, BASE = FIXTURES / "adapted-run", FIXTURES / "checkpoints" / "distilbert-classifier"
TEXT, TARGET = "a warm film , the ending is dull", "positive"

base = transformers.DistilBertForSequenceClassification.from_pretrained(BASE)
with warnings.catch_warnings():
    # A key of the adapter's file that PEFT does not find is a warning of its own.
    warnings.simplefilter("error", UserWarning)
    model = PeftModel.from_pretrained(base, RUN / "adapter").double().eval()
plain = transformers.DistilBertForSequenceClassification.from_pretrained(BASE).double().eval()
tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(BASE)
# The run's labels, by name in order.
classes = json.loads((RUN / "config.json").read_text())["info"]["classes"]
target = classes.index(TARGET)
ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
vectors = model.get_input_embeddings()(ids).detach()
mask = torch.ones(ids.shape, dtype=torch.long)


def scores(vectors):
    return model(inputs_embeds=vectors, attention_mask=mask).logits


with torch.no_grad():
    score, before = scores(vectors)[0, target].item(), plain(inputs_embeds=vectors, attention_mask=mask).logits[0].tolist()
assert min(abs(score - other) for other in before) > 1e-2, "the adapter changes nothing"
by_token = lambda attribution: attribution.detach().sum(-1)[0].tolist()
expected = {
    "madeBy": "scripts/golden/adapted-run.py, " + ", ".join(f"{name} {version(name)}" for name in ("peft", "transformers", "captum")),
    "text": TEXT,
    "target": TARGET,
    "score": score,
    "integrated-gradients": by_token(IntegratedGradients(scores).attribute(vectors, target=target, n_steps=STEPS, method="gausslegendre")),
    "input-x-gradient": by_token(InputXGradient(scores).attribute(vectors.requires_grad_(), target=target)),
}
(RUN / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
print(expected)
