"""Golden values of detection: `python scripts/golden/detection.py > test/golden/detection.json` (needs numpy, torch, torchvision, pycocotools).

Average precision by pycocotools on made-up scenes with crowds, areas of their own, equal scores, more than 100 detections of a class
in an image, and a class without truths; the all-point average precision from the same matches. Box losses by torchvision.
"""

import contextlib
import io
import json

import numpy as np
import pycocotools
import torch
import torchvision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(20261124)
CLASSES = 4


def box():
    x, y = rng.uniform(0, 200, 2)
    w, h = np.exp(rng.uniform(np.log(8), np.log(180), 2))
    return [round(float(v), 2) for v in (x, y, x + w, y + h)]


def near(b):
    w, h = b[2] - b[0], b[3] - b[1]
    return [round(float(v + rng.normal() * 0.12 * s), 2) for v, s in zip(b, (w, h, w, h))]


def scene(truths, strays, crowded):
    there, found = [], []
    for i in range(truths):
        t = {"box": box(), "class": int(rng.integers(0, CLASSES - 1))}  # the last class has no truths
        if crowded and rng.random() < 0.2:
            t["crowd"] = True
        if rng.random() < 0.3:
            t["area"] = round(float((t["box"][2] - t["box"][0]) * (t["box"][3] - t["box"][1]) * rng.uniform(0.4, 1)), 2)
        there.append(t)
        for _ in range(int(rng.integers(0, 4))):
            found.append({"box": near(t["box"]), "class": t["class"] if rng.random() < 0.85 else int(rng.integers(0, CLASSES)), "score": round(float(rng.beta(4, 2)), 2)})
    for _ in range(strays):
        found.append({"box": box(), "class": int(rng.integers(0, CLASSES)), "score": round(float(rng.beta(2, 4)), 2)})
    for d in found:
        x1, y1, x2, y2 = d["box"]
        d["box"] = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    return {"truth": there, "detected": found}


def xywh(b):
    return [b[0], b[1], b[2] - b[0], b[3] - b[1]]


def nan(v):
    return None if v < 0 else float(v)


def judged(images):
    truths, results = [], []
    for i, image in enumerate(images):
        for t in image["truth"]:
            w = xywh(t["box"])
            truths.append({"id": len(truths) + 1, "image_id": i, "category_id": t["class"], "bbox": w, "area": t.get("area", w[2] * w[3]), "iscrowd": int(t.get("crowd", False))})
        for d in image["detected"]:
            results.append({"image_id": i, "category_id": d["class"], "bbox": xywh(d["box"]), "score": d["score"]})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"info": {}, "images": [{"id": i} for i in range(len(images))], "annotations": truths, "categories": [{"id": k} for k in range(CLASSES)]}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"]  # [T, R, K, A, M]

    def mean(p):
        p = p[p > -1]
        return float(p.mean()) if p.size else None

    def all_point(k):
        """The area below the falling precision curve, from pycocotools' own matches at an overlap of 0.5."""
        entries = [e for e in evaluation.evalImgs if e is not None and e["category_id"] == k and e["aRng"] == evaluation.params.areaRng[0]]
        scores = np.concatenate([e["dtScores"] for e in entries]) if entries else np.zeros(0)
        order = np.argsort(-scores, kind="mergesort")
        matched = np.concatenate([e["dtMatches"][0] for e in entries])[order] if entries else np.zeros(0)
        ignored = np.concatenate([e["dtIgnore"][0] for e in entries])[order] if entries else np.zeros(0)
        there = sum(int((e["gtIgnore"] == 0).sum()) for e in entries)
        if there == 0:
            return None
        right = np.cumsum((matched > 0)[ignored == 0])
        recall, precision = right / there, right / np.arange(1, len(right) + 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * falling))

    points = [all_point(k) for k in range(CLASSES)]
    known = [p for p in points if p is not None]
    return {
        "map50": float(np.mean(known)) if known else None,
        "map": nan(evaluation.stats[0]),
        "cocoMap50": nan(evaluation.stats[1]),
        "cocoMap75": nan(evaluation.stats[2]),
        "small": nan(evaluation.stats[3]),
        "medium": nan(evaluation.stats[4]),
        "large": nan(evaluation.stats[5]),
        "recall": nan(evaluation.stats[8]),
        "classes": [{"ap50": points[k], "ap": mean(precision[:, :, k, 0, 2])} for k in range(CLASSES)],
    }


scenes = {
    "plain": [scene(6, 4, False) for _ in range(6)],
    "crowds and areas": [scene(8, 5, True) for _ in range(8)],
    "over a hundred detections": [scene(3, 450, False)],
    "nothing found": [{**scene(4, 0, False), "detected": []}, scene(2, 3, False)],
}
metrics = [{"name": name, "images": images, "expected": judged(images)} for name, images in scenes.items()]

losses = []
output = torch.tensor([box() for _ in range(12)], dtype=torch.float64)
target = torch.tensor([near(b) for b in output.tolist()], dtype=torch.float64)
target[0], target[1] = output[0], output[1] + 500  # the same, and far away
for name, f in [("generalizedIouLoss", torchvision.ops.generalized_box_iou_loss), ("completeIouLoss", torchvision.ops.complete_box_iou_loss)]:
    x = output.clone().requires_grad_()
    value = f(x, target)
    (dx,) = torch.autograd.grad((value * torch.arange(1, 13)).sum(), x)
    losses.append({"loss": name, "output": output.tolist(), "target": target.tolist(), "value": value.tolist(), "gradient": dx.tolist()})
pairwise = torchvision.ops.box_iou(output[:3], target).tolist()

versions = {"pycocotools": getattr(pycocotools, "__version__", "2.0.11"), "torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]}
print(json.dumps({"versions": versions, "metrics": metrics, "losses": losses, "pairwise": pairwise}, separators=(",", ":")))
