"""Golden outputs and gradients of a small DCGAN: `python scripts/golden/dcgan.py > test/golden/dcgan.json` (PyTorch, float64).

The networks are those of PyTorch's DCGAN example (examples/dcgan/main.py), with fewer stages for small images."""

import json
import math

import torch
from torch import nn

torch.set_default_dtype(torch.float64)


def generator(base, doublings, nz, ngf, nc):
    size = ngf * 2 ** (doublings - 1)
    stages = [nn.ConvTranspose2d(nz, size, base, 1, 0, bias=False), nn.BatchNorm2d(size), nn.ReLU(True)]
    for _ in range(doublings - 1):
        stages += [nn.ConvTranspose2d(size, size // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(size // 2), nn.ReLU(True)]
        size //= 2
    return nn.Sequential(*stages, nn.ConvTranspose2d(size, nc, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(base, doublings, ndf, nc):
    stages, size = [nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)], ndf
    for _ in range(doublings - 1):
        stages += [nn.Conv2d(size, size * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(size * 2), nn.LeakyReLU(0.2, inplace=True)]
        size *= 2
    return nn.Sequential(*stages, nn.Conv2d(size, 1, base, 1, 0, bias=False))


class Net(nn.Module):
    def __init__(self, main):
        super().__init__()
        self.main = main


def wave(number, shape, scale):
    """The numbers that the test makes as well: scale · sin(1 + 0.37·i + number)."""
    n = math.prod(shape)
    return (scale * torch.sin(1 + 0.37 * torch.arange(n) + number)).reshape(shape)


def filled(net):
    names = [k for k in net.state_dict() if not k.endswith("num_batches_tracked")]
    with torch.no_grad():
        for j, name in enumerate(names):
            t = net.state_dict()[name]
            t.copy_(wave(j, t.shape, 0.3) + (1 if t.dim() == 1 and ("weight" in name or "var" in name) else 0))
    return net


def rounded(t):
    return [float(f"{v:.10g}") for v in t.detach().flatten().tolist()]


cases = []
for base, doublings, nz, width, nc, size in [(4, 1, 3, 2, 1, 8), (7, 2, 3, 2, 1, 28), (4, 2, 3, 2, 3, 16)]:
    g, d = filled(Net(generator(base, doublings, nz, width, nc))), filled(Net(discriminator(base, doublings, width, nc)))
    row = {"imageSize": size, "channels": nc, "latentSize": nz, "width": width}
    for mode in ["eval", "train"]:
        g.train(mode == "train"), d.train(mode == "train")
        image = g.main(wave(0, (3, nz, 1, 1), 1.0))
        logits = d.main(image).view(-1)
        names = [k for k, _ in g.named_parameters()] + [k for k, _ in d.named_parameters()]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.ones(3))
        gradients = torch.autograd.grad(loss, list(g.parameters()) + list(d.parameters()))
        row[mode] = {
            "image": rounded(image.flatten()[:: max(1, image.numel() // 40)]),
            "logits": rounded(logits),
            # Norm of each parameter's gradient, in order.
            "gradientNorms": rounded(torch.stack([x.norm() for x in gradients])),
        }
    row["paths"] = [f"generator.{k}" for k in g.state_dict() if "num_batches" not in k]
    row["paths"] += [f"discriminator.{k}" for k in d.state_dict() if "num_batches" not in k]
    cases.append(row)

def step(row, size, nc, g, d):
    """One step of the GAN: gradients of each network's own loss, and the running statistics after it."""
    F = nn.functional.binary_cross_entropy_with_logits
    g.train(), d.train()
    real = d.main(wave(1, (3, nc, size, size), 0.9)).view(-1)
    made = d.main(g.main(wave(0, (3, row["latentSize"], 1, 1), 1.0))).view(-1)
    loss_d = F(real, torch.full((3,), 0.9)) + F(made, torch.zeros(3))
    loss_g = F(made, torch.ones(3))
    gradients = torch.autograd.grad(loss_g, list(g.parameters()), retain_graph=True) + torch.autograd.grad(loss_d, list(d.parameters()))
    buffers = [v for net in (g, d) for k, v in net.named_buffers() if "num_batches" not in k]
    return {
        "losses": rounded(torch.stack([loss_g, loss_d])),
        "gradientNorms": rounded(torch.stack([x.norm() for x in gradients])),
        "buffers": [rounded(v) for v in buffers],
    }


fresh = filled(Net(generator(4, 2, 3, 2, 3))), filled(Net(discriminator(4, 2, 2, 3)))
gan_step = step({"latentSize": 3}, 16, 3, *fresh)
full = {
    "generator": sum(p.numel() for p in generator(4, 4, 100, 64, 3).parameters()),
    "discriminator": sum(p.numel() for p in discriminator(4, 4, 64, 3).parameters()),
}
print(json.dumps({"madeBy": f"scripts/golden/dcgan.py, PyTorch {torch.__version__}", "parameters": full, "cases": cases, "step": gan_step}, separators=(",", ":")))
