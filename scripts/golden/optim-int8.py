"""Golden values of optimizers whose state is kept in 8 bits: `python scripts/golden/optim-int8.py > test/golden/optim-int8.json`.

Plain numpy in float32 after Dettmers et al. 2022 (arXiv:2110.02861): blocks of 256 numbers, the values of bitsandbytes' `create_dynamic_map`, each number
to the nearest; a mean square above 0 is kept above 0.
"""

import json

import numpy as np

ROWS, COLUMNS, STEPS, BLOCK = 70, 64, 40, 256
N = ROWS * COLUMNS


def dynamic_map(signed):
    """As bitsandbytes.functional.create_dynamic_map(signed, 7, 8)."""
    data = []
    for i in range(7):
        items = 2**i + 1 if signed else 2 ** (i + 1) + 1
        boundaries = np.linspace(0.1, 1, items)
        means = (boundaries[:-1] + boundaries[1:]) / 2
        data += (10.0 ** (-6 + i) * means).tolist()
        if signed:
            data += (-(10.0 ** (-6 + i)) * means).tolist()
    return np.sort(np.array([*data, 0, 1.0])).astype(np.float32)


MAPS = {True: dynamic_map(True), False: dynamic_map(False)}


def kept(x, signed):
    """A slot's numbers after they were kept in 8 bits."""
    blocks = np.zeros(-(-N // BLOCK) * BLOCK, np.float32)
    blocks[:N] = x
    blocks = blocks.reshape(-1, BLOCK)
    scale = np.abs(blocks).max(1, keepdims=True)
    a = blocks / np.maximum(scale, 1e-30)
    values = MAPS[signed]
    code = np.searchsorted((values[1:] + values[:-1]) / 2, a)
    if not signed:
        code = np.where((a > 0) & (code == 0), 1, code)
    return (values[code] * scale).reshape(-1)[:N].astype(np.float32)


def gradient(step):
    """Sizes over four decades, signs that change; a third of the rows rests at every step."""
    i = np.arange(N)
    size = 10.0 ** ((i % 9) / 2 - 4)
    wave = np.sin(0.37 * (step + 1) * (1 + i % 23) + 0.1 * (i // 23))
    return np.where((i // COLUMNS + step) % 3 == 0, 0, size * wave).astype(np.float32)


def adamw(w, m, v, g, t):
    m = np.float32(0.9) * m + np.float32(0.1) * g
    v = np.float32(0.99) * v + np.float32(0.01) * g * g
    hat = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return (w * (1 - 0.01 * 0.1) - 0.01 * hat).astype(np.float32), m, v


def lion(w, m, _, g, t):
    step = np.sign(np.float32(0.9) * m + np.float32(0.1) * g)
    return (w * (1 - 0.01 * 0.1) - 0.01 * step).astype(np.float32), np.float32(0.99) * m + np.float32(0.01) * g, None


def momentum(w, m, _, g, t):
    m = np.float32(0.9) * m + g
    return w - np.float32(0.01) * m, m, None


def run(rule):
    w = np.cos(np.arange(N) * 0.7).astype(np.float32)
    m, v = np.zeros(N, np.float32), np.zeros(N, np.float32)
    for t in range(1, STEPS + 1):
        w, m, v = rule(w, m, v, gradient(t - 1), t)
        m = kept(m, True)
        v = None if v is None else kept(v, False)
    return [float(x) for x in w[:: N // 64]]


print(
    json.dumps(
        {
            "madeBy": f"scripts/golden/optim-int8.py, numpy {np.__version__}",
            "shape": [ROWS, COLUMNS],
            "steps": STEPS,
            "every": N // 64,
            "values": {str(signed): [float(x) for x in MAPS[signed]] for signed in (True, False)},
            "optimizers": [
                {
                    "optimizer": {"name": "adamW", "learningRate": 0.01, "weightDecay": 0.1, "beta2": 0.99, "state": "int8"},
                    "weights": run(adamw),
                },
                {"optimizer": {"name": "lion", "learningRate": 0.01, "weightDecay": 0.1, "state": "int8"}, "weights": run(lion)},
                {"optimizer": {"name": "sgd", "learningRate": 0.01, "momentum": 0.9, "state": "int8"}, "weights": run(momentum)},
            ],
        },
        separators=(",", ":"),
    )
)
