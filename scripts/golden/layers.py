"""Golden values and gradients of layers: `python scripts/golden/layers.py > test/golden/layers.json` (PyTorch, float64)."""

import json

import torch
from torch import nn

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


def listed(t):
    data = t.detach().flatten().tolist()
    return {"shape": list(t.shape), "dtype": str(t.dtype).replace("torch.", ""), "data": [round(v, 9) if isinstance(v, float) else v for v in data]}


cases = []


def case(layer, args, module, *inputs, mode="eval", call=None, given=None):
    """`call` runs the module on its inputs; `given` is what our layer is called with besides x."""
    module.train(mode == "train")
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p + 0.3 * torch.randn_like(p))
    state = {k: listed(v) for k, v in module.state_dict().items() if v.dim() > 0}
    xs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    y = call(module, *xs) if call else module(*xs)
    weighted = (y.flatten() * torch.linspace(-1, 1, y.numel())).sum()
    wanted = {f"input{i}": x for i, x in enumerate(xs) if x.is_floating_point()} | dict(module.named_parameters())
    gradients = torch.autograd.grad(weighted, list(wanted.values()))
    row = {
        "layer": layer,
        "args": args,
        "mode": mode,
        "state": state,
        "inputs": [listed(x) for x in inputs],
        "output": listed(y),
        "gradients": {k: listed(g)["data"] for k, g in zip(wanted, gradients)},
    }
    if given:
        row["given"] = given
    after = {k: listed(v)["data"] for k, v in module.named_buffers() if v.dim() > 0}
    if mode == "train" and after:
        row["buffersAfter"] = after
    cases.append(row)


r = torch.randn
case("Linear", [3, 2], nn.Linear(3, 2), r(4, 3))
case("Linear", [3, 2, {"bias": False}], nn.Linear(3, 2, bias=False), r(2, 2, 3))
case("Conv1d", [2, 4, {"kernelSize": 3, "stride": 2, "padding": 1, "groups": 2}], nn.Conv1d(2, 4, 3, 2, 1, groups=2), r(2, 2, 7))
case("Conv2d", [1, 2, {"kernelSize": 3}], nn.Conv2d(1, 2, 3), r(2, 1, 5, 4))
case(
    "Conv2d", [2, 4, {"kernelSize": [3, 2], "stride": [2, 1], "padding": [1, 0], "dilation": [1, 2], "groups": 2, "bias": False}],
    nn.Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, False), r(1, 2, 6, 5),
)
case("Conv2d", [2, 2, {"kernelSize": 3, "padding": "same", "groups": 2}], nn.Conv2d(2, 2, 3, padding="same", groups=2), r(1, 2, 4, 4))
for mode in ["reflect", "replicate", "circular"]:
    case(
        "Conv2d", [1, 1, {"kernelSize": 3, "padding": [1, 2], "paddingMode": mode}],
        nn.Conv2d(1, 1, 3, padding=(1, 2), padding_mode=mode), r(1, 1, 4, 5),
    )
case(
    "ConvTranspose2d", [2, 4, {"kernelSize": 3, "stride": 2, "padding": 1, "outputPadding": 1, "groups": 2}],
    nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, 2), r(1, 2, 3, 3),
)
case("LayerNorm", [4], nn.LayerNorm(4), r(2, 3, 4))
case("LayerNorm", [[3, 4], {"bias": False}], nn.LayerNorm([3, 4], bias=False), r(2, 3, 4))
case("LayerNorm", [4, {"affine": False}], nn.LayerNorm(4, elementwise_affine=False), r(2, 4))
case("RMSNorm", [4], nn.RMSNorm(4, eps=1e-6), r(3, 4))
case("BatchNorm1d", [3], nn.BatchNorm1d(3), r(5, 3), mode="train")
case("BatchNorm1d", [3, {"momentum": 0.3}], nn.BatchNorm1d(3, momentum=0.3), r(2, 3, 4), mode="train")
case("BatchNorm2d", [2], nn.BatchNorm2d(2), r(3, 2, 2, 3), mode="train")
trained = nn.BatchNorm2d(2)
trained(r(4, 2, 3, 3) * 2 + 1)
case("BatchNorm2d", [2], trained, r(2, 2, 2, 2))
case("BatchNorm2d", [2, {"affine": False}], nn.BatchNorm2d(2, affine=False), r(2, 2, 3, 2), mode="train")
case("GroupNorm", [2, 4], nn.GroupNorm(2, 4), r(2, 4, 3))
case("GroupNorm", [1, 4, {"affine": False}], nn.GroupNorm(1, 4, affine=False), r(2, 4, 2, 2))
case("InstanceNorm2d", [2], nn.InstanceNorm2d(2), r(2, 2, 3, 3))
case("InstanceNorm2d", [2, {"affine": True}], nn.InstanceNorm2d(2, affine=True), r(2, 2, 3, 3))
case("MaxPool2d", [2, {"stride": 1, "padding": 1}], nn.MaxPool2d(2, 1, 1), r(1, 2, 4, 3))
case("AvgPool2d", [3, {"stride": 2, "padding": 1}], nn.AvgPool2d(3, 2, 1), r(1, 2, 5, 5))
case("AdaptiveAvgPool2d", [1], nn.AdaptiveAvgPool2d(1), r(2, 3, 4, 5))
case("AdaptiveAvgPool2d", [[2, 3]], nn.AdaptiveAvgPool2d((2, 3)), r(1, 2, 4, 6))
case("AdaptiveAvgPool2d", [[3, 4]], nn.AdaptiveAvgPool2d((3, 4)), r(1, 2, 7, 5))
case("GlobalAvgPool2d", [], nn.AdaptiveAvgPool2d(1), r(2, 3, 4, 5))
case("Embedding", [5, 3], nn.Embedding(5, 3), torch.tensor([[0, 4, 4], [2, 0, 4]]))
padded = nn.Embedding(5, 3, padding_idx=1)


def embed(module, tokens):
    # The case shifts all weights; the vector of the padding is 0 in use.
    with torch.no_grad():
        module.weight[1] = 0
    return module(tokens)


case("Embedding", [5, 3, {"paddingIndex": 1}], padded, torch.tensor([[0, 1, 4], [1, 1, 4]]), call=embed)

E = 6
case("MultiheadAttention", [E, 2], nn.MultiheadAttention(E, 2, batch_first=True), r(2, 3, E), call=lambda m, x: m(x, x, x)[0])
case(
    "MultiheadAttention", [E, 3], nn.MultiheadAttention(E, 3, batch_first=True), r(2, 3, E),
    call=lambda m, x: m(x, x, x, attn_mask=torch.triu(torch.ones(3, 3, dtype=torch.bool), 1), is_causal=False)[0],
    given={"causal": True},
)
keys = torch.tensor([[True, True, False, True], [True, False, False, False]])
case(
    "MultiheadAttention", [E, 2, {"bias": False}], nn.MultiheadAttention(E, 2, bias=False, batch_first=True), r(2, 3, E), r(2, 4, E),
    call=lambda m, q, k: m(q, k, k, key_padding_mask=~keys)[0],
    given={"keyMask": listed(keys)},
)


def recurrent(name, cls, args, ours, *, output=True, lengths=None, length=3):
    module = cls(*args, **{**ours["torch"], "batch_first": True})

    def call(m, x):
        if lengths:
            packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
            y, states = m(packed)
            y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=length)
        else:
            y, states = m(x)
        states = states if isinstance(states, tuple) else (states,)
        return y if output else torch.stack(states)

    given = {}
    if lengths:
        given["mask"] = listed(torch.tensor([[t < n for t in range(length)] for n in lengths]))
    case(name, [*args, ours["options"]], module, r(2, length, args[0]), call=call, given={**given, "take": "output" if output else "states"})


for name, cls in [("LSTM", nn.LSTM), ("GRU", nn.GRU)]:
    recurrent(name, cls, [2, 3], {"torch": {}, "options": {}})
    recurrent(name, cls, [2, 2], {"torch": {"num_layers": 2, "bidirectional": True}, "options": {"numLayers": 2, "bidirectional": True}})
    recurrent(
        name, cls, [2, 2],
        {"torch": {"num_layers": 2, "bidirectional": True, "bias": False}, "options": {"numLayers": 2, "bidirectional": True, "bias": False}},
        output=False,
    )
    recurrent(name, cls, [2, 2], {"torch": {"bidirectional": True}, "options": {"bidirectional": True}}, lengths=[2, 4], length=4)
    recurrent(name, cls, [2, 2], {"torch": {"bidirectional": True}, "options": {"bidirectional": True}}, lengths=[2, 4], length=4, output=False)

print(json.dumps({"madeBy": f"scripts/golden/layers.py, PyTorch {torch.__version__}", "cases": cases}, separators=(",", ":")))
