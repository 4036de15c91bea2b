"""PyTorch in the case resnet-18-cifar-step: eager, eager with channels last, or compiled with channels last. Names as in torchvision."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inner, outer, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outer, eps=settings["epsilon"])
            self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outer, eps=settings["epsilon"])
            self.downsample = None
            if stride != 1 or inner != outer:
                self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer, eps=settings["epsilon"]))

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(64, eps=settings["epsilon"])
            for i, (inner, outer) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)]):
                setattr(self, f"layer{i + 1}", nn.Sequential(Block(inner, outer, 1 if i == 0 else 2), Block(outer, outer, 1)))
            self.fc = nn.Linear(512, 10)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x)))
            for i in range(1, 5):
                x = getattr(self, f"layer{i}")(x)
            return self.fc(x.mean((2, 3)))

    model = ResNet()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(tensors[name]))
    layout = torch.contiguous_format if variant == "eager" else torch.channels_last
    model = model.to(memory_format=layout)
    images = [torch.from_numpy(batch).to(memory_format=layout) for batch in tensors["images"]]
    labels = [torch.from_numpy(batch).long() for batch in tensors["labels"]]
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["learningRate"], momentum=settings["momentum"], fused=True)

    def loss_of(x, y):
        return nn.functional.cross_entropy(model(x), y)

    if variant == "compile":
        loss_of = torch.compile(loss_of)
    at = 0

    def step():
        nonlocal at
        i = at % len(images)
        at += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(images[i], labels[i])
        loss.backward()
        optimizer.step()
        return loss.item()

    how = "channels first" if variant == "eager" else "channels last, batches laid out so beforehand"
    return step, f"{'compile' if variant == 'compile' else 'eager'}, {how}, fused SGD"


serve(prepare)
