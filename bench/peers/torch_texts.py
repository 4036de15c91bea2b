"""PyTorch in the cases that train a classifier of texts: its LSTM, convolutions, and transformers' BERT; fused AdamW, eager or compiled."""

import sys

from torch_peer import serve

CASE, _, WAY = (sys.argv[1] if len(sys.argv) > 1 else "bilstm-step eager").partition(" ")


def model_of(tensors):
    from torch import nn
    from torch.nn import functional as F

    if CASE == "bert-finetune-step":
        from transformers import BertConfig, BertForSequenceClassification

        vocabulary, width = tensors["bert.embeddings.word_embeddings.weight"].shape
        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=4 * width,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            num_labels=2,
        )
        bert = BertForSequenceClassification(config)

        class Bert(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = bert

            def forward(self, tokens):
                return self.inner(input_ids=tokens).logits

        return Bert(), "inner."

    vocabulary, width = tensors["embedding.weight"].shape

    class BiLstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            self.lstm = nn.LSTM(width, 128, batch_first=True, bidirectional=True)
            self.classifier = nn.Linear(256, 2)

        def forward(self, tokens):
            return self.classifier(self.lstm(self.embedding(tokens))[0].amax(1))

    class TextCnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            self.convs = nn.ModuleList([nn.Conv1d(width, 100, k, padding=k - 1) for k in (3, 4, 5)])
            self.fc = nn.Linear(300, 2)

        def forward(self, tokens):
            import torch

            x = self.embedding(tokens).transpose(1, 2)
            return self.fc(torch.cat([F.relu(conv(x)).amax(2) for conv in self.convs], 1))

    return (BiLstm() if CASE == "bilstm-step" else TextCnn()), ""


def prepare(tensors, settings, _):
    import torch
    from torch.nn import functional as F

    tokens, labels = tensors.pop("tokens").astype("int64"), tensors.pop("labels").astype("int64")
    model, prefix = model_of(tensors)
    missing = model.load_state_dict({prefix + name: torch.from_numpy(value) for name, value in tensors.items()}, strict=False)
    if missing.unexpected_keys or any("position_ids" not in key for key in missing.missing_keys):
        raise ValueError(str(missing))
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["learningRate"], weight_decay=settings["weightDecay"], fused=True
    )
    logits_of = torch.compile(model) if WAY == "compile" else model
    at = 0

    def step():
        nonlocal at
        i = at % len(tokens)
        at += 1
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(logits_of(torch.from_numpy(tokens[i])), torch.from_numpy(labels[i]))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, f"{WAY}, fused AdamW"


serve(prepare)
