"""PyTorch in the case conv-step: eager, eager with channels last, or compiled with channels last."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    import torch
    from torch import nn

    layout = torch.contiguous_format if variant == "eager" else torch.channels_last
    model = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64, eps=settings["epsilon"]), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(tensors["conv.weight"]))
        model[1].weight.copy_(torch.from_numpy(tensors["bn.weight"]))
        model[1].bias.copy_(torch.from_numpy(tensors["bn.bias"]))
    model = model.to(memory_format=layout)
    images = [torch.from_numpy(batch).to(memory_format=layout) for batch in tensors["images"]]
    upstream = torch.from_numpy(tensors["upstream"]).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["learningRate"], fused=True)

    def loss_of(x):
        return (model(x) * upstream).sum() / len(upstream)

    if variant == "compile":
        loss_of = torch.compile(loss_of)
    at = 0

    def step():
        nonlocal at
        x = images[at % len(images)].detach().requires_grad_()
        at += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        return loss.item() + x.grad[0, 0, 0, 0].item() + x.grad[-1, -1, -1, -1].item()

    how = "channels first" if variant == "eager" else "channels last, batches laid out so beforehand"
    return step, f"{'compile' if variant == 'compile' else 'eager'}, {how}, fused SGD"


serve(prepare)
