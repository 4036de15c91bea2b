"""PyTorch in the case mlp-step: eager with the fused optimizer, or the loss compiled by torch.compile."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    with torch.no_grad():
        for name, layer in (("fc1", model[0]), ("fc2", model[2]), ("fc3", model[4])):
            layer.weight.copy_(torch.from_numpy(tensors[name + ".weight"]))
            layer.bias.copy_(torch.from_numpy(tensors[name + ".bias"]))
    images, labels = tensors["images"], tensors["labels"].astype("int64")

    def loss_of(x, y):
        return nn.functional.cross_entropy(model(x), y)

    if variant == "compile":
        loss_of = torch.compile(loss_of)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["learningRate"], fused=True)
    at = 0

    def step():
        nonlocal at
        batch = at % len(images)
        at += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(torch.from_numpy(images[batch]), torch.from_numpy(labels[batch]))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, f"{variant}, fused SGD"


serve(prepare)
