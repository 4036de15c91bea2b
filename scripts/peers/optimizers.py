"""PyTorch's updates on random parameters and gradients, for scripts/optimizer-speed.ts: reads {"shapes": …, "updates": N}, writes milliseconds by optimizer.

Each in the fastest form that it has on the CPU: fused, otherwise over lists of tensors (foreach). Lion is timm's. Two threads.
"""

import json
import sys
import time

import timm.optim
import torch

asked = json.load(sys.stdin)
torch.set_num_threads(2)
torch.manual_seed(1)
RATE = 3e-4
OPTIMIZERS = {
    "sgd": ("fused", lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, fused=True)),
    "adam": ("fused", lambda p: torch.optim.Adam(p, lr=RATE, fused=True)),
    "adamw": ("fused", lambda p: torch.optim.AdamW(p, lr=RATE, weight_decay=0.1, fused=True)),
    "rmsprop": ("foreach", lambda p: torch.optim.RMSprop(p, lr=RATE, foreach=True)),
    "adagrad": ("fused", lambda p: torch.optim.Adagrad(p, lr=RATE, fused=True)),
    "lion": ("foreach", lambda p: timm.optim.Lion(p, lr=RATE, foreach=True)),
}
found = {}
for name, (how, make) in OPTIMIZERS.items():
    parameters = [torch.nn.Parameter(torch.randn(shape) * 0.02) for shape in asked["shapes"]]
    for parameter in parameters:
        parameter.grad = torch.rand_like(parameter) - 0.5
    optimizer = make(parameters)
    times = []
    for _ in range(asked["updates"]):
        start = time.perf_counter()
        optimizer.step()
        times.append(1000 * (time.perf_counter() - start))
    found[name] = {"how": how, "ms": times[2:]}
json.dump(found, sys.stdout)
