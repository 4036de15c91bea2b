"""Golden values of optimizers and schedules: `python scripts/golden/optim.py > test/golden/optim.json`.

100 steps in float64 on a fixed sequence of gradients, with PyTorch as the reference.
"""

import json
import math

import torch
from torch.optim import SGD, Adafactor, Adagrad, Adam, AdamW, RMSprop
from torch.optim import lr_scheduler as sched

STEPS = 100
WATCHED = [0, 1, 9, 49, 99]
SHAPES = {"a": (2, 2), "b": (3,)}
START = {"a": [0.5, -1.0, 1.5, -0.25], "b": [2.0, -0.75, 0.1]}


def gradient(step, path, i):
    """Waves of three sizes; one element of b rests on every other step."""
    k = i if path == "a" else 4 + i
    if k == 6 and step % 2 == 1:
        return 0.0
    return math.sin(0.37 * (step + 1) * (k + 1)) * 10.0 ** (k % 3 - 1)


def run(make, after=None, before=None):
    params = {p: torch.tensor(START[p], dtype=torch.float64).reshape(s).requires_grad_() for p, s in SHAPES.items()}
    optimizer = make(params)
    seen = []
    for step in range(STEPS):
        for path, p in params.items():
            g = [gradient(step, path, i) for i in range(p.numel())]
            p.grad = torch.tensor(g, dtype=torch.float64).reshape(p.shape)
        if before:
            before(list(params.values()))
        optimizer.step()
        if after:
            after(params)
        if step in WATCHED:
            seen.append({path: p.detach().flatten().tolist() for path, p in params.items()})
    return seen


def all_of(cls, **options):
    return lambda params: cls(list(params.values()), **options)


optimizers = []


def case(name, description, make, **hooks):
    optimizers.append({"name": name, "optimizer": description, "values": run(make, **hooks)})


def sgd(**o):
    return {"name": "sgd", **o}


case("sgd", sgd(learningRate=0.1), all_of(SGD, lr=0.1))
case("sgd decay", sgd(learningRate=0.1, weightDecay=0.05), all_of(SGD, lr=0.1, weight_decay=0.05))
case("sgd momentum", sgd(learningRate=0.1, momentum=0.9), all_of(SGD, lr=0.1, momentum=0.9))
case(
    "sgd momentum dampening decay",
    sgd(learningRate=0.1, momentum=0.9, dampening=0.3, weightDecay=0.05),
    all_of(SGD, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.05),
)
case(
    "sgd nesterov",
    sgd(learningRate=0.1, momentum=0.8, nesterov=True, weightDecay=0.01),
    all_of(SGD, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
)
case("adam", {"name": "adam", "learningRate": 0.02}, all_of(Adam, lr=0.02))
case(
    "adam large epsilon, decay",
    {"name": "adam", "learningRate": 0.02, "epsilon": 0.1, "beta1": 0.8, "beta2": 0.95, "weightDecay": 0.1},
    all_of(Adam, lr=0.02, eps=0.1, betas=(0.8, 0.95), weight_decay=0.1),
)
case("amsgrad", {"name": "adam", "learningRate": 0.02, "amsgrad": True}, all_of(Adam, lr=0.02, amsgrad=True))
case("adamW", {"name": "adamW", "learningRate": 0.02}, all_of(AdamW, lr=0.02))
case(
    "adamW decay", {"name": "adamW", "learningRate": 0.02, "weightDecay": 0.5}, all_of(AdamW, lr=0.02, weight_decay=0.5)
)
case("rmsprop", {"name": "rmsprop", "learningRate": 0.02}, all_of(RMSprop, lr=0.02))
case(
    "rmsprop centered momentum decay",
    {"name": "rmsprop", "learningRate": 0.02, "centered": True, "momentum": 0.5, "weightDecay": 0.1, "alpha": 0.9, "epsilon": 1e-3},
    all_of(RMSprop, lr=0.02, centered=True, momentum=0.5, weight_decay=0.1, alpha=0.9, eps=1e-3),
)
case("adagrad", {"name": "adagrad", "learningRate": 0.1}, all_of(Adagrad, lr=0.1))
case(
    "adagrad accumulator decay",
    {"name": "adagrad", "learningRate": 0.1, "initialAccumulator": 0.5, "weightDecay": 0.1},
    all_of(Adagrad, lr=0.1, initial_accumulator_value=0.5, weight_decay=0.1),
)
case(
    "adafactor",
    {"name": "adafactor", "learningRate": 0.05, "epsilon": 1e-7},
    all_of(Adafactor, lr=0.05, eps=(1e-7, 1e-3)),
)
case(
    "adafactor decay, threshold",
    {
        "name": "adafactor",
        "learningRate": 0.3,
        "epsilon": 1e-7,
        "decay": 0.5,
        "leastScale": 0.9,
        "threshold": 1.5,
        "weightDecay": 0.1,
    },
    all_of(Adafactor, lr=0.3, eps=(1e-7, 0.9), beta2_decay=-0.5, d=1.5, weight_decay=0.1),
)


def chained(first, *rest):
    return {"parts": [first, *rest], "groups": []}


def rate(peak):
    return {"name": "learningRate", "schedule": {"name": "constant", "peak": peak}}


case(
    "clip by value",
    chained({"name": "clipByValue", "limit": 0.5}, rate(0.1)),
    all_of(SGD, lr=0.1),
    before=lambda ps: torch.nn.utils.clip_grad_value_(ps, 0.5),
)
case(
    "clip by global norm",
    chained({"name": "clipByGlobalNorm", "limit": 1.0}, {"name": "momentum", "momentum": 0.9}, rate(0.1)),
    all_of(SGD, lr=0.1, momentum=0.9),
    before=lambda ps: torch.nn.utils.clip_grad_norm_(ps, 1.0),
)
case(
    "clip by norm",
    chained({"name": "clipByNorm", "limit": 1.0}, rate(0.1)),
    all_of(SGD, lr=0.1),
    before=lambda ps: [torch.nn.utils.clip_grad_norm_([p], 1.0) for p in ps],
)


def clip_weights(params):
    with torch.no_grad():
        for p in params.values():
            p.clamp_(-0.6, 0.6)


case(
    "weight clipping",
    chained(rate(0.1), {"name": "weightClipping", "limit": 0.6}),
    all_of(SGD, lr=0.1),
    after=clip_weights,
)
case(
    "groups",
    {
        "name": "adamW",
        "learningRate": 0.02,
        "weightDecay": 0.3,
        "groups": [{"match": "b", "weightDecay": 0, "learningRateMultiplier": 0.5}],
    },
    lambda ps: AdamW([{"params": [ps["a"]], "weight_decay": 0.3}, {"params": [ps["b"]], "weight_decay": 0.0, "lr": 0.01}], lr=0.02),
)

averaged = {}


def average(params):
    for path, p in params.items():
        if path not in averaged:
            averaged[path] = torch.tensor(START[path], dtype=torch.float64).reshape(p.shape)
        averaged[path].lerp_(p.detach(), 0.1)


case(
    "average",
    chained(rate(0.1), {"name": "average", "decay": 0.9}),
    all_of(SGD, lr=0.1),
    after=average,
)
optimizers[-1]["averages"] = {path: p.flatten().tolist() for path, p in averaged.items()}

schedules = []


def schedule(description, make, warmup=0):
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = SGD([p], lr=description["peak"])
    main = make(optimizer)
    if warmup:
        rise = sched.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        main = sched.SequentialLR(optimizer, [rise, main], milestones=[warmup])
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        main.step()
    schedules.append({"schedule": description, "rates": rates})


schedule({"name": "constant", "peak": 0.3}, lambda o: sched.ConstantLR(o, factor=1))
schedule({"name": "constant", "peak": 0.3, "warmupSteps": 7}, lambda o: sched.ConstantLR(o, factor=1), 7)
schedule({"name": "step", "peak": 0.3, "stepSize": 13, "gamma": 0.5}, lambda o: sched.StepLR(o, 13, 0.5))
schedule(
    {"name": "step", "peak": 0.3, "stepSize": 13, "gamma": 0.5, "warmupSteps": 10}, lambda o: sched.StepLR(o, 13, 0.5), 10
)
schedule({"name": "multiStep", "peak": 0.3, "milestones": [20, 21, 80]}, lambda o: sched.MultiStepLR(o, [20, 21, 80]))
schedule({"name": "exponential", "peak": 0.3, "gamma": 0.97}, lambda o: sched.ExponentialLR(o, 0.97))
schedule({"name": "cosine", "peak": 0.3, "min": 0.01, "totalSteps": 100}, lambda o: sched.CosineAnnealingLR(o, 100, 0.01))
schedule(
    {"name": "cosine", "peak": 0.3, "min": 0.01, "totalSteps": 100, "warmupSteps": 10},
    lambda o: sched.CosineAnnealingLR(o, 90, 0.01),
    10,
)
schedule(
    {"name": "linear", "peak": 0.3, "end": 0.03, "totalSteps": 60},
    lambda o: sched.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=60),
)
schedule(
    {"name": "polynomial", "peak": 0.3, "power": 2, "totalSteps": 80}, lambda o: sched.PolynomialLR(o, 80, power=2.0)
)
schedule(
    {"name": "inverseSquareRoot", "peak": 0.3, "timescale": 16},
    lambda o: sched.LambdaLR(o, lambda t: 1 / math.sqrt((t + 16) / 16)),
)
# PyTorch refuses a step after the last, which the loop above asks for: one more than the schedule has.
schedule(
    {"name": "oneCycle", "peak": 0.3, "totalSteps": 101},
    lambda o: sched.OneCycleLR(o, 0.3, total_steps=101, cycle_momentum=False),
)


def plateau(description, **options):
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = SGD([p], lr=description["peak"])
    main = sched.ReduceLROnPlateau(optimizer, **options)
    values, rates = [], []
    for t in range(STEPS):
        value = 1 / (1 + 0.1 * min(t, 20)) + 0.01 * math.sin(t) + (0.2 if t > 60 else 0)
        value = -value if options.get("mode") == "max" else value
        values.append(value)
        main.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return {"schedule": description, "values": values, "rates": rates}


plateaus = [
    plateau({"name": "reduceOnPlateau", "peak": 0.3}),
    plateau(
        {"name": "reduceOnPlateau", "peak": 0.3, "factor": 0.5, "patience": 2, "cooldown": 3, "threshold": 0.01, "min": 0.01},
        factor=0.5, patience=2, cooldown=3, threshold=0.01, min_lr=0.01,
    ),
]

print(
    json.dumps(
        {
            "madeBy": f"scripts/golden/optim.py, PyTorch {torch.__version__}",
            "watched": WATCHED,
            "shapes": SHAPES,
            "start": START,
            "optimizers": optimizers,
            "schedules": schedules,
            "plateaus": plateaus,
        },
        separators=(",", ":"),
    )
)
