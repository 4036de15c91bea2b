"""PyTorch in the case gpt-nano-step: nanoGPT's way (fused attention, fused AdamW), eager or compiled."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    import torch
    from torch import nn
    from torch.nn import functional as F

    length, width = tensors["transformer.wpe.weight"].shape
    vocabulary, heads = len(tensors["transformer.wte.weight"]), int(settings["heads"])

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn = nn.Linear(width, 3 * width)
            self.c_proj = nn.Linear(width, width)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = (part.view(n, t, heads, width // heads).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).reshape(n, t, width))

    class Perceptron(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_fc = nn.Linear(width, 4 * width)
            self.c_proj = nn.Linear(4 * width, width)

        def forward(self, x):
            return self.c_proj(F.gelu(self.c_fc(x)))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn = nn.LayerNorm(width), Attention()
            self.ln_2, self.mlp = nn.LayerNorm(width), Perceptron()

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.ModuleDict(
                {
                    "wte": nn.Embedding(vocabulary, width),
                    "wpe": nn.Embedding(length, width),
                    "h": nn.ModuleList([Block() for _ in range(int(settings["layers"]))]),
                    "ln_f": nn.LayerNorm(width),
                }
            )

        def forward(self, tokens, targets):
            t = self.transformer
            x = t["wte"](tokens) + t["wpe"].weight
            for block in t["h"]:
                x = block(x)
            logits = t["ln_f"](x) @ t["wte"].weight.T
            return F.cross_entropy(logits.view(-1, vocabulary), targets.reshape(-1))

    model = GPT()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items() if name != "tokens"})
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings["weightDecay"]},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=settings["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        fused=True,
    )
    loss_of = torch.compile(model) if variant == "compile" else model
    batches = tensors["tokens"].astype("int64")
    at = 0

    def step():
        nonlocal at
        batch = torch.from_numpy(batches[at % len(batches)])
        at += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(batch[:, :-1], batch[:, 1:])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, f"{variant}, scaled_dot_product_attention, fused AdamW"


serve(prepare)
