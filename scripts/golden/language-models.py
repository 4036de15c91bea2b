"""Tiny random language models as Hugging Face saves them, with outputs and gradients: `python scripts/golden/language-models.py`.

Each folder of test/fixtures/language-models gets config.json, model.safetensors (one model sharded) and expected.safetensors: inputs, outputs, a
loss, and the loss's gradient of every parameter, computed by transformers in float64 and kept as float32.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    MistralConfig,
    MistralForCausalLM,
    PegasusConfig,
    PegasusForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
)

torch.set_num_threads(1)
HERE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "language-models"
N, T = 3, 7


def randomized(model, seed):
    """Numbers large enough that a wrong formula shows, norms and biases included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            spread = 0.3 if p.dim() > 1 else 0.2
            p.copy_(torch.randn(p.shape, generator=generator) * spread + (1 if p.dim() == 1 and "weight" in name else 0))
    return model.eval()


def save(name, model, inputs, compute, **saving):
    """`compute(model, inputs)` gives outputs by name, and the loss among them."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder, **saving)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    model = model.double()
    outputs = compute(model, inputs)
    names, parameters = zip(*((k, p) for k, p in model.named_parameters() if p.requires_grad))
    gradients = torch.autograd.grad(outputs["loss"], parameters, allow_unused=True)
    tensors = {f"input.{k}": v.to(torch.int32) for k, v in inputs.items()}
    tensors |= {f"output.{k}": v.detach().float().contiguous() for k, v in outputs.items()}
    found = [(k, g.float().contiguous()) for k, g in zip(names, gradients) if g is not None]
    tensors |= {f"gradient.{k}": g for k, g in found}
    save_file(tensors, folder / "expected.safetensors", {"madeBy": f"scripts/golden/language-models.py, transformers {transformers.__version__}, PyTorch {torch.__version__}"})
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: {sum(p.numel() for p in parameters)} parameters, {size} bytes")


def tokens(vocabulary, seed=0, length=T):
    return torch.randint(2, vocabulary, (N, length), generator=torch.Generator().manual_seed(seed))


def padding(lengths, length=T):
    return torch.tensor([[int(t < n) for t in range(length)] for n in lengths])


def causal_loss(logits, labels, mask):
    labels = torch.where(mask.bool(), labels, -100)
    return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)


# --- GPT-2 ------------------------------------------------------------------------------------------------------------------

V = 37


def causal(model, inputs):
    logits = model(input_ids=inputs["tokens"], attention_mask=inputs["mask"]).logits
    return {"logits": logits, "loss": causal_loss(logits, inputs["tokens"], inputs["mask"])}


def causal_inputs(vocabulary=V):
    return {"tokens": tokens(vocabulary), "mask": padding([7, 4, 6])}


gpt2 = dict(vocab_size=V, n_positions=12, n_embd=16, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
save("gpt2", randomized(GPT2LMHeadModel(GPT2Config(**gpt2)), 1), causal_inputs(), causal)
save(
    "gpt2-untied",
    randomized(GPT2LMHeadModel(GPT2Config(**gpt2, tie_word_embeddings=False, activation_function="relu", n_inner=24)), 2),
    causal_inputs(),
    causal,
    max_shard_size="16KB",
)

# --- BERT -------------------------------------------------------------------------------------------------------------------

bert = dict(vocab_size=41, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=12)
bert_inputs = {
    "tokens": tokens(41, 1),
    "mask": padding([7, 5, 3]),
    "types": torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0, 0]]),
}


def encoder(model, inputs):
    return model(input_ids=inputs["tokens"], attention_mask=inputs["mask"], token_type_ids=inputs["types"])


def masked(model, inputs):
    logits = encoder(model, inputs).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), inputs["labels"].flatten(), ignore_index=-100)
    return {"logits": logits, "loss": loss}


labels = torch.full((N, T), -100)
labels[0, 2], labels[0, 5], labels[1, 1], labels[2, 0] = 7, 40, 3, 12
save("bert-masked-lm", randomized(BertForMaskedLM(BertConfig(**bert)), 3), {**bert_inputs, "labels": labels}, masked)


def pretraining(model, inputs):
    found = encoder(model, inputs)
    loss = torch.nn.functional.cross_entropy(found.prediction_logits.flatten(0, 1), inputs["labels"].flatten(), ignore_index=-100)
    loss = loss + torch.nn.functional.cross_entropy(found.seq_relationship_logits, inputs["next"])
    return {"logits": found.prediction_logits, "next": found.seq_relationship_logits, "loss": loss}


save(
    "bert-pretraining",
    randomized(BertForPreTraining(BertConfig(**{**bert, "hidden_act": "relu"})), 4),
    {**bert_inputs, "labels": labels, "next": torch.tensor([0, 1, 1])},
    pretraining,
)


def classified(model, inputs):
    logits = encoder(model, inputs).logits
    return {"logits": logits, "loss": torch.nn.functional.cross_entropy(logits.flatten(0, -2), inputs["labels"].flatten(), ignore_index=-100)}


save(
    "bert-sequence",
    randomized(BertForSequenceClassification(BertConfig(**bert, num_labels=3)), 5),
    {**bert_inputs, "labels": torch.tensor([2, 0, 1])},
    classified,
)
save(
    "bert-token",
    randomized(BertForTokenClassification(BertConfig(**bert, num_labels=5)), 6),
    {**bert_inputs, "labels": torch.where(bert_inputs["mask"].bool(), bert_inputs["tokens"] % 5, -100)},
    classified,
)

# --- Llama and its kin ---------------------------------------------------------------------------------------------------------

llama = dict(vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32)
scaled = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 100.0}
save("llama", randomized(LlamaForCausalLM(LlamaConfig(**llama)), 7), causal_inputs(), causal)
save(
    "llama-tied",
    randomized(LlamaForCausalLM(LlamaConfig(**{**llama, "num_key_value_heads": 1, "head_dim": 8}, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, rope_parameters=scaled)), 8),
    causal_inputs(),
    causal,
)
save("mistral", randomized(MistralForCausalLM(MistralConfig(**llama, sliding_window=None)), 9), causal_inputs(), causal)
save("qwen2", randomized(Qwen2ForCausalLM(Qwen2Config(**llama, tie_word_embeddings=True)), 10), causal_inputs(), causal)

# --- the Transformer --------------------------------------------------------------------------------------------------------------

marian = dict(
    vocab_size=43, decoder_vocab_size=43, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=2,
    encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=12, activation_function="relu", scale_embedding=True,
    pad_token_id=0, bos_token_id=1, eos_token_id=2, forced_eos_token_id=None, decoder_start_token_id=1,
)
translation = {
    "source": tokens(43, 2),
    "sourceMask": padding([7, 5, 2]),
    "target": tokens(43, 3, 5),
    "targetMask": padding([5, 3, 4], 5),
}


def translated(model, inputs):
    logits = model(
        input_ids=inputs["source"], attention_mask=inputs["sourceMask"], decoder_input_ids=inputs["target"], decoder_attention_mask=inputs["targetMask"]
    ).logits
    return {"logits": logits, "loss": causal_loss(logits, inputs["target"], inputs["targetMask"])}


model = randomized(MarianMTModel(MarianConfig(**marian)), 11)
model.final_logits_bias.copy_(torch.randn(1, 43, generator=torch.Generator().manual_seed(12)))
save("marian", model, translation, translated)

# The same with norms before each part.
pegasus = {k: v for k, v in marian.items() if k != "decoder_vocab_size"}
model = randomized(PegasusForConditionalGeneration(PegasusConfig(**pegasus)), 13)
model.final_logits_bias.copy_(torch.randn(1, 43, generator=torch.Generator().manual_seed(14)))
save("pegasus", model, translation, translated)
