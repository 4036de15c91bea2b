"""Golden values of vision models: `python scripts/golden/vision-models.py > test/golden/vision-models.json` (PyTorch, torchvision).

Names and shapes are those of the models as published; numbers those of the same models, some of them narrower, on small images.
Weights and images come from a formula of name and place that test/models/vision.test.ts knows as well.
"""

import hashlib
import json
import math

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models import densenet, resnet

torch.set_num_threads(2)


# --- numbers by formula ---------------------------------------------------------------------------------------------


def uniform(name, size):
    """`size` float32 in -1 .. 1: FNV-1a of the name, plus the place, through MurmurHash3's last steps."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (np.arange(size, dtype=np.uint64) + h).astype(np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return (x / 2**31 - 1).astype(np.float32)


def number(name, shape):
    u = uniform(name, math.prod(shape))
    if name.endswith("running_var"):
        u = 1 + u / 2
    elif len(shape) > 1:
        u = u * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    elif name.endswith("weight"):
        u = 1 + u / 5
    else:
        u = u / 10
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def fill(model):
    with torch.no_grad():
        for name, t in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                t.copy_(number(name, t.shape))
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.0
    return model


# --- forms that torchvision has not ---------------------------------------------------------------------------------


def small_stem(model, channels):
    """The stem of ResNet for 32 x 32: a 3 x 3 convolution that keeps the size."""
    model.conv1 = nn.Conv2d(3, channels, 3, 1, 1, bias=False)
    model.bn1 = nn.BatchNorm2d(channels)
    model.maxpool = nn.Identity()
    return model


class Padded(nn.Module):
    """Shortcut of option A: every other place, zeros for new channels."""

    def __init__(self, new):
        super().__init__()
        self.new = new

    def forward(self, x):
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new))


def cifar_resnet(n):
    """He et al. 2015, section 4.2, of torchvision's blocks."""
    model = small_stem(resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], num_classes=10), 16)
    channels = 16
    for i, width in enumerate([16, 32, 64]):
        blocks = []
        for j in range(n):
            changes = width != channels
            shortcut = Padded(width - channels) if changes else None
            blocks.append(resnet.BasicBlock(channels, width, 2 if changes else 1, shortcut))
            channels = width
        setattr(model, f"layer{i + 1}", nn.Sequential(*blocks))
    model.layer4 = nn.Identity()
    model.fc = nn.Linear(64, 10)
    return model


def cifar_densenet(layers):
    count = (layers - 4) // 6
    model = densenet.DenseNet(12, (count,) * 3, 24, num_classes=10)
    del model.features.norm0, model.features.relu0, model.features.pool0
    model.features.conv0 = nn.Conv2d(3, 24, 3, 1, 1, bias=False)
    return model


def narrow(model, hidden, classes, inputs):
    """The classifier of AlexNet or VGG with fewer units."""
    linears = [m for m in model.classifier if isinstance(m, nn.Linear)]
    for m, (i, o) in zip(linears, [(inputs, hidden), (hidden, hidden), (hidden, classes)]):
        m.weight, m.bias = nn.Parameter(torch.zeros(o, i)), nn.Parameter(torch.zeros(o))
    return model


def narrow_vgg(cfg, width, batch_norm=False):
    layers = [c if c == "M" else c * width // 64 for c in torchvision.models.vgg.cfgs[cfg]]
    model = torchvision.models.VGG(torchvision.models.vgg.make_layers(layers, batch_norm), init_weights=False)
    return narrow(model, 24, 10, 8 * width * 49)


def vit(size, patch, depth, heads, width, mlp, classes):
    return torchvision.models.VisionTransformer(size, patch, depth, heads, width, mlp, num_classes=classes)


m = torchvision.models
inception = dict(aux_logits=True, init_weights=False)

# As published, by the name of src/models/table.ts.
FULL = {
    "alexnet": m.alexnet,
    "vgg-11": m.vgg11,
    "vgg-13": m.vgg13,
    "vgg-16": m.vgg16,
    "vgg-19": m.vgg19,
    "vgg-11-bn": m.vgg11_bn,
    "vgg-13-bn": m.vgg13_bn,
    "vgg-16-bn": m.vgg16_bn,
    "vgg-19-bn": m.vgg19_bn,
    "googlenet": lambda: m.GoogLeNet(**inception),
    "inception-v3": lambda: m.Inception3(**inception),
    "resnet-18": m.resnet18,
    "resnet-34": m.resnet34,
    "resnet-50": m.resnet50,
    "resnet-18-cifar": lambda: small_stem(m.resnet18(num_classes=10), 64),
    "resnet-20-cifar": lambda: cifar_resnet(3),
    "resnet-32-cifar": lambda: cifar_resnet(5),
    "resnet-44-cifar": lambda: cifar_resnet(7),
    "resnet-56-cifar": lambda: cifar_resnet(9),
    "densenet-121": m.densenet121,
    "densenet-40-cifar": lambda: cifar_densenet(40),
    "densenet-100-cifar": lambda: cifar_densenet(100),
    "mobilenet-v3-small": m.mobilenet_v3_small,
    "mobilenet-v3-large": m.mobilenet_v3_large,
    "vit-b-16": m.vit_b_16,
    "vit-tiny": lambda: vit(32, 4, 12, 3, 192, 768, 10),
}

# Models whose numbers are compared: maker, options of ours, side of the images, and whether training is compared as well.
NUMBERS = {
    "alexnet": (lambda: narrow(m.alexnet(), 24, 10, 9216), {"hidden": 24}, 63, True),
    "vgg-11": (lambda: narrow_vgg("A", 8), {"width": 8, "hidden": 24}, 32, True),
    "vgg-16-bn": (lambda: narrow_vgg("D", 8, True), {"width": 8, "hidden": 24}, 64, True),
    "googlenet": (lambda: m.GoogLeNet(num_classes=10, **inception), {}, 64, True),
    "inception-v3": (lambda: m.Inception3(num_classes=10, **inception), {}, 75, False),
    "resnet-18": (lambda: m.resnet18(num_classes=10), {}, 32, False),
    "resnet-50": (lambda: m.resnet50(num_classes=10), {}, 32, False),
    "resnet-18-cifar": (FULL["resnet-18-cifar"], {}, 16, False),
    "resnet-20-cifar": (FULL["resnet-20-cifar"], {}, 12, True),
    "densenet-121": (lambda: m.densenet121(num_classes=10), {}, 32, False),
    "densenet-40-cifar": (FULL["densenet-40-cifar"], {}, 8, True),
    "mobilenet-v3-small": (lambda: m.mobilenet_v3_small(num_classes=10), {}, 32, True),
    "mobilenet-v3-large": (lambda: m.mobilenet_v3_large(num_classes=10), {}, 32, False),
    "vit-tiny": (lambda: vit(16, 4, 12, 3, 192, 768, 10), {}, 16, True),
}
BATCH = 3


def signature(state):
    """Number of tensors, and a hash of names and shapes in order of name."""
    lines = sorted(f"{k}:{','.join(map(str, t.shape))}" for k, t in state.items() if not k.endswith("num_batches_tracked"))
    return {"tensors": len(lines), "hash": hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]}


def listed(t):
    return [float(f"{v:.7g}") for v in t.detach().flatten().tolist()]


def heads(model, x):
    """All logits, those of auxiliary heads after the main ones."""
    y = model(x)
    if not isinstance(y, tuple):
        return [y]
    by_name = y._asdict()
    return [by_name[k] for k in ["logits", "aux_logits1", "aux_logits2", "aux_logits"] if k in by_name]


def sampled(gradients):
    """Of each tensor the root of its mean square; of four of them six elements besides."""
    names = list(gradients)
    chosen = {names[i * (len(names) - 1) // 3] for i in range(4)}
    return {
        k: {"rms": listed(g.square().mean().sqrt())[0], **({"first": listed(g.flatten()[:6])} if k in chosen else {})}
        for k, g in gradients.items()
        if k in chosen or "aux" in k
    }


result = {"madeBy": f"scripts/golden/vision-models.py, torchvision {torchvision.__version__}, PyTorch {torch.__version__}", "full": {}, "numbers": {}}
for name, make in FULL.items():
    with torch.device("meta"):
        result["full"][name] = signature(make().state_dict())
for name, (make, options, side, training) in NUMBERS.items():
    # The numbers are float32's, the arithmetic float64's.
    model = fill(make()).double()
    x = torch.from_numpy(uniform("image", BATCH * 3 * side * side).reshape(BATCH, 3, side, side)).double()
    with torch.no_grad():
        row = {"options": options, "side": side, "logits": listed(model.eval()(x))}
    if training:
        outputs = heads(model.train(), x)
        loss = sum((y.flatten() * torch.linspace(-1, 1, y.numel(), dtype=torch.float64)).sum() for y in outputs)
        parameters = dict(model.named_parameters())
        gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
        row["train"] = {"logits": [listed(y) for y in outputs], "gradients": sampled(gradients)}
    result["numbers"][name] = row
print(json.dumps(result, separators=(",", ":")))
