"""A text CNN, alone and with a bag of n-grams, BiLSTMs and a CRF in PyTorch: `python scripts/golden/text-models.py` writes test/fixtures/text-models/*.safetensors.

Each file holds inputs, numbers of the model (`state.`), outputs, a loss, and its gradients; computed in float64, kept as float32. The CRF is
pytorch-crf's.
"""

from pathlib import Path

import torch
import torchcrf
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
HERE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "text-models"
HERE.mkdir(parents=True, exist_ok=True)
torch.manual_seed(5)
N, T, V = 3, 6, 11
tokens = torch.randint(1, V, (N, T))
mask = torch.tensor([[t < n for t in range(T)] for n in (6, 4, 1)])


def save(name, module, inputs, compute):
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((torch.randn_like(p) * 0.5).float())
    outputs = compute(module, inputs)
    names, parameters = zip(*module.named_parameters())
    gradients = torch.autograd.grad(outputs["loss"], parameters)
    number = lambda t: (t.float() if t.is_floating_point() else t.to(torch.int32)).detach().contiguous()
    tensors = {f"input.{k}": number(v) for k, v in inputs.items()}
    tensors |= {f"state.{k}": number(v) for k, v in module.named_parameters()}
    tensors |= {f"output.{k}": number(v) for k, v in outputs.items()}
    tensors |= {f"gradient.{k}": number(v) for k, v in zip(names, gradients)}
    made = f"scripts/golden/text-models.py, PyTorch {torch.__version__}, pytorch-crf {torchcrf.__version__}"
    save_file(tensors, HERE / f"{name}.safetensors", {"madeBy": made})


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, 4)
        self.convs = nn.ModuleList([nn.Conv1d(4, 3, w) for w in (1, 2, 4)])
        self.fc = nn.Linear(9, 5)

    def forward(self, tokens, mask):
        rows = []
        for text, kept in zip(tokens, mask):  # one text at a time, without padding
            x = self.embedding(text[kept]).T.unsqueeze(0)
            pooled = [F.relu(c(F.pad(x, (c.kernel_size[0] - 1,) * 2))).amax(2) for c in self.convs]
            rows.append(self.fc(torch.cat(pooled, 1)))
        return torch.cat(rows)


class BagOfNgrams(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, 2)
        self.ngrams = nn.ModuleList([nn.Embedding(8, 2), nn.Embedding(8, 2)])
        self.fc = nn.Linear(6, 5)

    def forward(self, tokens, mask):
        rows = []
        for text, kept in zip(tokens, mask):
            ids, bag = text[kept].tolist(), []
            for t, token in enumerate(ids):
                # What stands before the text counts as token 0.
                before = [0, 0, *ids][t : t + 2]
                pair = (before[1] % 8 * 31337 + token % 8) % 8
                triple = ((before[0] % 8 * 31337 + before[1] % 8) % 8 if t > 0 else 0) * 31337 + token % 8
                vectors = [self.embedding.weight[token], self.ngrams[0].weight[pair], self.ngrams[1].weight[triple % 8]]
                bag.append(torch.cat(vectors))
            rows.append(self.fc(torch.stack(bag).sum(0) / len(ids) ** 0.5))
        return torch.stack(rows)


class NgramCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn, self.bag = TextCnn(), BagOfNgrams()

    def forward(self, tokens, mask):
        return self.cnn(tokens, mask) + self.bag(tokens, mask)


class Reader(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.embedding = nn.Embedding(V, 4)
        self.lstm = nn.LSTM(4, 3, bidirectional=True, num_layers=2, batch_first=True)
        self.classifier = nn.Linear(6, labels)

    def states(self, tokens, mask):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(tokens), mask.sum(1), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=T)[0]


class BiLstm(Reader):
    def forward(self, tokens, mask):
        return self.classifier(self.states(tokens, mask).masked_fill(~mask[..., None], -1).amax(1))


class BiLstmCrf(Reader):
    def __init__(self):
        super().__init__(4)
        self.crf = torchcrf.CRF(4, batch_first=True)

    def forward(self, tokens, mask):
        return self.classifier(self.states(tokens, mask))


def classified(model, inputs):
    logits = model(inputs["tokens"], inputs["mask"].bool())
    return {"logits": logits, "loss": F.cross_entropy(logits, inputs["labels"])}


def tagged(model, inputs):
    kept = inputs["mask"].bool()
    emissions = model(inputs["tokens"], kept)
    best = torch.zeros(N, T, dtype=torch.int64)
    for i, path in enumerate(model.crf.decode(emissions, kept)):
        best[i, : len(path)] = torch.tensor(path)
    loss = -model.crf(emissions, inputs["tags"], kept, reduction="mean")
    return {"emissions": emissions * kept[..., None], "best": best, "loss": loss}


save("text-cnn", TextCnn(), {"tokens": tokens, "mask": mask, "labels": torch.tensor([4, 0, 2])}, classified)
save("bilstm", BiLstm(5), {"tokens": tokens, "mask": mask, "labels": torch.tensor([4, 0, 2])}, classified)
save("bilstm-crf", BiLstmCrf(), {"tokens": tokens, "mask": mask, "tags": torch.randint(0, 4, (N, T))}, tagged)
save("ngram-cnn", NgramCnn(), {"tokens": tokens, "mask": mask, "labels": torch.tensor([4, 0, 2])}, classified)
