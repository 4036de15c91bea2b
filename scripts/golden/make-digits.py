"""Writes datasets/digits from scikit-learn's copy of the UCI optical digits. Run: python scripts/golden/make-digits.py

Two IDX files, gzipped without name or time so that equal input gives equal bytes; prints the sha256 of each, with and
without gzip, as src/data/registry.ts records them.
"""
import gzip
import hashlib
import pathlib
import struct

import numpy
import sklearn
from sklearn.datasets import load_digits

folder = pathlib.Path(__file__).resolve().parents[2] / "datasets" / "digits"
folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
images = digits.images.astype(numpy.uint8)
labels = digits.target.astype(numpy.uint8)
assert images.shape == (1797, 8, 8) and (images == digits.images).all() and images.max() == 16
print("scikit-learn", sklearn.__version__, "images per class", numpy.bincount(labels).tolist())
for name, array in [("digits-images-idx3-ubyte.gz", images), ("digits-labels-idx1-ubyte.gz", labels)]:
    header = struct.pack(">HBB", 0, 8, array.ndim) + b"".join(struct.pack(">I", d) for d in array.shape)
    content = header + array.tobytes()
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    (folder / name).write_bytes(packed)
    print(name, len(packed), "gzip", hashlib.sha256(packed).hexdigest(), "content", hashlib.sha256(content).hexdigest())
