"""Exports ResNet-50 and a BERT of the same size (100 MB), with random weights, for scripts/load-speed.ts.

    python scripts/published-models/large.py FOLDER
"""
import os, sys, warnings

warnings.filterwarnings("ignore")
import torch, torchvision, transformers

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


resnet = torchvision.models.resnet50(weights=None).eval()
batch = {"x": {0: "batch"}, "y": {0: "batch"}}
torch.onnx.export(resnet, torch.randn(1, 3, 224, 224), f"{folder}/resnet50.onnx", input_names=["x"], output_names=["y"], dynamic_axes=batch, dynamo=False, opset_version=17)
config = transformers.BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=8, num_attention_heads=12, intermediate_size=1536, num_labels=2)
bert = Text(transformers.BertForSequenceClassification(config)).eval()
ids = torch.ones(2, 16, dtype=torch.int64)
names = ["input_ids", "attention_mask"]
axes = {name: {0: "batch", 1: "sequence"} for name in names}
torch.onnx.export(bert, (ids, ids), f"{folder}/bert.onnx", input_names=names, output_names=["y"], dynamic_axes=axes, dynamo=False, opset_version=17)
