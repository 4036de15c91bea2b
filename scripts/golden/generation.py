"""What transformers writes with the tiny models of test/fixtures/language-models, and how its processors change logits:
`python scripts/golden/generation.py > test/golden/generation.json`."""

import json
from pathlib import Path

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    GenerationConfig,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

torch.set_num_threads(1)
HERE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "language-models"
PROMPTS = [[5], [3, 17, 9], [30, 2, 2, 8, 21]]
texts = []
SETTINGS = [{}, {"repetition_penalty": 1.7}, {"num_beams": 3}, {"num_beams": 4, "length_penalty": 0.3, "early_stopping": True}]
# As the generation_config.json of Marian's checkpoints has it: the padding is never written, and what is left sums to 1.
UNPADDED = {"bad_words_ids": [[0]], "renormalize_logits": True}
for name in ["gpt2", "llama", "llama-tied", "marian", "pegasus"]:
    translates = name in ("marian", "pegasus")
    model = (AutoModelForSeq2SeqLM if translates else AutoModelForCausalLM).from_pretrained(HERE / name).eval()
    for prompt in PROMPTS:
        for settings in SETTINGS + ([] if translates else [{"num_beams": 2, "repetition_penalty": 1.3}]):
            config = GenerationConfig(
                max_new_tokens=7, do_sample=False, eos_token_id=2, pad_token_id=0, decoder_start_token_id=1, bos_token_id=1,
                return_dict_in_generate=True, output_scores=True, num_return_sequences=settings.get("num_beams", 1), **settings, **(UNPADDED if translates else {}),
            )
            ids = torch.tensor([prompt])
            found = model.generate(ids, generation_config=config, attention_mask=torch.ones_like(ids))
            start = 1 if translates else len(prompt)
            tokens = []
            for row in found.sequences.tolist():
                row = row[start:]
                tokens.append(row[: row.index(2) + 1] if 2 in row else row)
            scores = found.sequences_scores.tolist() if "num_beams" in settings else None
            texts.append({"model": name, "prompt": prompt, "settings": settings, "tokens": tokens, "scores": scores})

torch.manual_seed(1)
logits = torch.randn(12, dtype=torch.float64).mul(3).float().double()
context = torch.tensor([[1, 4, 4, 9]])
adjusted = []
for options in [
    {"repetitionPenalty": 1.5}, {"temperature": 0.6}, {"topK": 3}, {"topK": 5}, {"topP": 0.8}, {"topP": 0.3},
    {"temperature": 1.4, "topK": 8, "topP": 0.9, "repetitionPenalty": 2.0},
]:
    x = logits[None]
    for key, processor in [("repetitionPenalty", RepetitionPenaltyLogitsProcessor), ("temperature", TemperatureLogitsWarper), ("topK", TopKLogitsWarper), ("topP", TopPLogitsWarper)]:
        if key in options:
            x = processor(options[key])(context, x)
    adjusted.append({"options": options, "logits": [None if v == float("-inf") else v for v in x[0].tolist()]})

print(json.dumps({
    "madeBy": f"scripts/golden/generation.py, transformers {transformers.__version__}, PyTorch {torch.__version__}",
    "texts": texts, "sampling": {"logits": logits.tolist(), "context": context[0].tolist(), "adjusted": adjusted},
}, separators=(",", ":")))
