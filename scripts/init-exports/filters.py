"""The part that the lengths of filters have in tuning a file whose norms were folded in: `DESCENT_DATA=… python scripts/init-exports/filters.py`.

A small network of depthwise convolutions, pretrained on eight classes of Fashion-MNIST at 16², is tuned on 600 digits of MNIST in five ways:

    kept             with the norms that it had
    back             folded, with norms put back that begin with the statistics of 128 new images
    back, rescaled   the same, filters as long as Kaiming's initialization makes them (`src/nn/graph-norm.ts`)
    folded lengths   the norms that it had, filters as long as folding makes them
    new statistics   the norms as put back, filters as long as they were

Prints accuracies on 2,000 test images, in percent, by seed. Needs torch, on one thread.
"""
import copy, gzip, os

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
WAYS = ["kept", "back", "back, rescaled", "folded lengths", "new statistics"]
EPSILON = 1e-5


def images(name, part):
    def read(kind, header):
        with gzip.open(f"{os.environ['DESCENT_DATA']}/{name}/{part}-{kind}-ubyte.gz") as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)

    return read("images-idx3", 16).reshape(-1, 28, 28), torch.from_numpy(read("labels-idx1", 8).astype(np.int64))


def small(pixels):
    x = torch.from_numpy(pixels.copy()).float()[:, None] / 255
    return nn.functional.interpolate(x, size=16, mode="bilinear", antialias=True)


def conv_norm(ins, outs, kernel, stride=1, groups=1, act=True):
    conv = nn.Conv2d(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return [conv, nn.BatchNorm2d(outs)] + ([nn.Hardswish()] if act else [])


def network(classes):
    layers = conv_norm(1, 16, 3, 2)
    for ins, outs, wide, kernel, stride in ((16, 24, 64, 3, 2), (24, 24, 96, 3, 1), (24, 32, 96, 5, 2), (32, 32, 128, 5, 1)):
        layers += conv_norm(ins, wide, 1) + conv_norm(wide, wide, kernel, stride, wide) + conv_norm(wide, outs, 1, act=False)
    layers += conv_norm(32, 128, 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


def train(model, x, labels, batch, rates, seed):
    generator, order = torch.Generator().manual_seed(seed), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    model.train()
    for rate in rates:
        if len(order) < batch:
            order = torch.randperm(len(x), generator=generator).tolist()
        picked, order = order[:batch], order[batch:]
        optimizer.param_groups[0]["lr"] = rate
        loss = nn.functional.cross_entropy(model(x[picked]), labels[picked])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()


@torch.no_grad()
def changed(model, way, x):
    """The model with its norms as a way has them: in use it answers as before."""
    layers = list(model)
    found = [(layers[i - 1], layers[i]) for i in range(len(layers)) if isinstance(layers[i], nn.BatchNorm2d)]
    seen = {}
    hooks = [b.register_forward_hook(lambda m, _, y: seen.update({m: (y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False))})) for _, b in found]
    model.eval()
    model(x[::4][:128])
    for hook in hooks:
        hook.remove()
    for conv, norm in found if way != "kept" else []:
        scale, shift, mean, variance = (t.clone() for t in (norm.weight, norm.bias, norm.running_mean, norm.running_var))
        factor, (new_mean, new_variance) = scale / (variance + norm.eps).sqrt(), seen[norm]
        each = (slice(None), None, None, None)
        if way == "new statistics":
            norm.running_mean.copy_((new_mean - shift) / factor + mean)
            norm.running_var.copy_(new_variance / factor**2)
            norm.weight.copy_(factor.sign() * new_variance.sqrt())
            norm.bias.copy_(new_mean)
            continue
        conv.weight.mul_(factor[each])
        if way == "folded lengths":
            norm.running_mean.copy_(mean * factor)
            norm.running_var.copy_(scale**2 - EPSILON)
            norm.weight.copy_(scale.abs())
            continue
        w = conv.weight
        length = (2 / (w.shape[0] * w.shape[2] * w.shape[3])) ** 0.5 / w.flatten(1).pow(2).mean(1).sqrt()
        length = length if way == "back, rescaled" else torch.ones_like(scale)
        w.mul_(length[each])
        norm.running_mean.copy_((new_mean - shift + mean * factor) * length)
        norm.running_var.copy_(new_variance * length**2)
        norm.weight.copy_((new_variance * length**2 + EPSILON).sqrt() / length)
        norm.bias.copy_(new_mean)
    return model


pixels, labels = images("fashion-mnist", "train")
kept = labels < 8
before = small(pixels[kept.numpy()][:6400])
before = (before - before.mean()) / before.std()
pixels, digits = images("mnist", "train")
x, digits = small(pixels[:600]), digits[:600]
pixels, truth = images("mnist", "t10k")
test, truth = (small(pixels[:2000]) - x.mean()) / x.std(), truth[:2000]
x = (x - x.mean()) / x.std()

torch.manual_seed(0)
base = network(8)
train(base, before, labels[kept][:6400], 64, [2e-3 * min(1, (t + 1) / 30) * (1 - t / 300) for t in range(300)], 0)
for seed in (1, 2, 3):
    for way in WAYS:
        torch.manual_seed(seed)
        model = copy.deepcopy(base)
        model[-1] = nn.Linear(128, 10)
        train(changed(model, way, x), x, digits, 32, [1e-3 * ((t + 1) / 11 if t < 10 else 1 - (t - 10) / 90) for t in range(100)], seed)
        with torch.no_grad():
            print(seed, way, f"{100 * (model(test).argmax(1) == truth).float().mean().item():.2f}", flush=True)
