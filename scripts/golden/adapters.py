"""Low-rank adapters as PEFT writes them, on the tiny models of test/fixtures/language-models: `python scripts/golden/adapters.py`.

Each folder of test/fixtures/adapters gets adapter_config.json and adapter_model.safetensors, which PEFT wrote, and expected.safetensors: inputs, outputs, a
loss, its gradient of every trained parameter (with the names of the adapter's file), and the merged weights; computed in float64, kept as float32.

`python scripts/golden/adapters.py check NAME FOLDER` loads an adapter that Descent wrote into the base model of fixture NAME, and compares outputs.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
BASES, ADAPTERS = FIXTURES / "language-models", FIXTURES / "adapters"


def base_model(name):
    config = json.loads((BASES / name / "config.json").read_text())
    return getattr(transformers, config["architectures"][0]).from_pretrained(BASES / name).double()


def inputs_of(name):
    tensors = load_file(BASES / name / "expected.safetensors")
    return {k.removeprefix("input."): v.long() for k, v in tensors.items() if k.startswith("input.")}


def outputs_of(model, inputs):
    extra = {"token_type_ids": inputs["types"]} if "types" in inputs else {}
    logits = model(input_ids=inputs["tokens"], attention_mask=inputs["mask"], **extra).logits
    if "labels" in inputs:
        return logits, torch.nn.functional.cross_entropy(logits.flatten(0, -2), inputs["labels"].flatten(), ignore_index=-100)
    labels = torch.where(inputs["mask"].bool(), inputs["tokens"], -100)[:, 1:]
    return logits, torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, -2), labels.flatten(), ignore_index=-100)


def make(name, seed, **options):
    model = get_peft_model(base_model(name), LoraConfig(**options)).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.3)
    folder = ADAPTERS / name
    shutil.rmtree(folder, ignore_errors=True)
    model.float().save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    targets = config["target_modules"]
    config |= {"base_model_name_or_path": name, "target_modules": targets if isinstance(targets, str) else sorted(targets)}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    model = model.double()
    inputs = inputs_of(name)
    logits, loss = outputs_of(model, inputs)
    loss.backward()
    for p in model.parameters():
        p.data = p.grad if p.grad is not None else p.data
    gradients = {k: v.float().contiguous() for k, v in get_peft_model_state_dict(model).items()}
    # The gradients stand in the parameters' places: the adapter is read again, and merged.
    merged = PeftModel.from_pretrained(base_model(name), folder).double().merge_and_unload().state_dict()
    before = base_model(name).state_dict()
    changed = {k: v.float().contiguous() for k, v in merged.items() if not torch.equal(v, before[k])}
    tensors = {f"input.{k}": v.int() for k, v in inputs.items()}
    tensors |= {"output.logits": logits.detach().float().contiguous(), "output.loss": loss.detach().float()}
    tensors |= {f"gradient.{k}": v for k, v in gradients.items()} | {f"merged.{k}": v for k, v in changed.items()}
    save_file(tensors, folder / "expected.safetensors", {"madeBy": f"scripts/golden/adapters.py, PEFT {peft.__version__}, transformers {transformers.__version__}, PyTorch {torch.__version__}"})
    print(f"{name}: {len(gradients)} trained tensors, {len(changed)} merged")


def check(name, folder):
    expected = load_file(ADAPTERS / name / "expected.safetensors")
    with warnings.catch_warnings():
        # A key of the adapter's file that PEFT does not find is a warning of its own.
        warnings.simplefilter("error", UserWarning)
        model = PeftModel.from_pretrained(base_model(name), folder).double().eval()
    logits, _ = outputs_of(model, inputs_of(name))
    difference = (logits.float() - expected["output.logits"]).abs().max().item()
    print(f"{name}: largest difference of outputs {difference:.2e}")
    if difference > 1e-5:
        sys.exit(1)


if sys.argv[1:2] == ["check"]:
    check(*sys.argv[2:4])
else:
    make("bert-sequence", 1, r=2, lora_alpha=4, task_type="SEQ_CLS", lora_dropout=0.1)
    make("bert-token", 2, r=3, task_type="TOKEN_CLS", lora_alpha=3, target_modules=["query", "intermediate.dense"], modules_to_save=["classifier"])
    make("gpt2", 3, r=2, lora_alpha=8, task_type="CAUSAL_LM")
    make("gpt2-untied", 4, r=2, task_type="CAUSAL_LM", lora_alpha=2, use_rslora=True, target_modules=r".*\.h\.1\..*(c_proj|c_fc)", fan_in_fan_out=True)
    make("llama", 5, r=2, lora_alpha=6, task_type="CAUSAL_LM")
