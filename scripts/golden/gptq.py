"""GPTQ of a whole tiny model in torch: `python scripts/golden/gptq.py` writes test/golden/gptq.json (PyTorch, transformers).

A GPT-2 of two layers is trained on a random Markov chain; the products of its layers are rounded to 4 bits in groups of 32, by Frantar et al. 2022, algorithm 1,
one after another with the inputs that the rounded model before gives them. Perplexities are those of float32, of rounding to the nearest, and of GPTQ.
"""

import base64
import json
import math

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
torch.set_num_threads(1)
VOCABULARY, LENGTH, GROUP = 12, 32, 32
chain = torch.softmax(torch.randn(VOCABULARY, VOCABULARY, VOCABULARY) * 6, -1)


def sample(count):
    rows = [torch.randint(VOCABULARY, (count,)), torch.randint(VOCABULARY, (count,))]
    while len(rows) < LENGTH:
        rows.append(torch.multinomial(chain[rows[-2], rows[-1]], 1)[:, 0])
    return torch.stack(rows, 1)


model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for step in range(700):
    ids = sample(32)
    loss = model(ids, labels=ids).loss
    optimizer.zero_grad(); loss.backward(); optimizer.step()
model.eval()
calibration, test = sample(32), sample(64)
state = {name: t.detach().clone() for name, t in model.state_dict().items() if not name.endswith(".attn.bias") and name != "lm_head.weight"}


@torch.no_grad()
def perplexity():
    logits = model(test).logits[:, :-1]
    return math.exp(torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), test[:, 1:].reshape(-1)).item())


def grid(block):
    low, high = block.min(1).values.clamp(max=0), block.max(1).values.clamp(min=0)
    scale = ((high - low) / 15).clamp(min=1e-12)
    return scale[:, None], torch.round(-low / scale)[:, None]


def rounded(w, scale, zero):
    return (torch.clamp(torch.round(w / scale) + zero, 0, 15) - zero) * scale


def gptq(w, x):  # w: [N, K], x: [rows, K]
    h = x.T @ x
    h += 0.01 * h.diag().mean() * torch.eye(w.shape[1], dtype=torch.float64)
    u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    w, q = w.clone(), torch.zeros_like(w)
    for i in range(w.shape[1]):
        if i % GROUP == 0:
            scale, zero = grid(w[:, i : i + GROUP])
        q[:, i : i + 1] = rounded(w[:, i : i + 1], scale, zero)
        w[:, i + 1 :] -= ((w[:, i] - q[:, i]) / u[i, i])[:, None] * u[i, i + 1 :][None]
    return q


layers = [m for block in model.transformer.h for m in (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj)]
result = {"float32": perplexity()}
for layer in layers:
    w = layer.weight.data.T
    layer.weight.data = torch.cat([rounded(w[:, i : i + GROUP], *grid(w[:, i : i + GROUP])) for i in range(0, w.shape[1], GROUP)], 1).T.contiguous()
result["plain"] = perplexity()
model.load_state_dict(state, strict=False)
for layer in layers:
    seen = []
    hook = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].reshape(-1, args[0].shape[-1]).double()))
    with torch.no_grad():
        model(calibration)
    hook.remove()
    layer.weight.data = gptq(layer.weight.data.T.double(), torch.cat(seen)).T.float().contiguous()
result["gptq"] = perplexity()
weights = {name: {"shape": list(t.shape), "data": base64.b64encode(t.numpy().tobytes()).decode()} for name, t in state.items()}
about = f"scripts/golden/gptq.py, torch {torch.__version__}"
json.dump({"madeBy": about, "calibration": calibration.tolist(), "test": test.tolist(), "weights": weights, "perplexity": result}, open("test/golden/gptq.json", "w"))
print(result)
