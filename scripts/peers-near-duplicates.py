"""Near duplicates by rensa (Rust), for scripts/near-duplicates.ts: the same words, permutations and bands. Prints seconds and the number of pairs.

    python scripts/peers-near-duplicates.py TEXTS PERMUTATIONS BANDS THRESHOLD
"""
import json
import re
import sys
import time

from rensa import RMinHash, RMinHashLSH

path, permutations, bands, threshold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
with open(path, encoding="utf8") as f:
    texts = f.read().split("\n")[:-1]
words = re.compile(r"\w+")
used = permutations - permutations % bands
began = time.perf_counter()
lsh = RMinHashLSH(threshold=threshold, num_perm=used, num_bands=bands)
signatures = []
for i, text in enumerate(texts):
    m = RMinHash(num_perm=used, seed=42)
    m.update(list(set(words.findall(text.lower()))))
    signatures.append(m)
    lsh.insert(i, m)
hashed = time.perf_counter() - began
# Candidates, and the estimate of their similarity by the signatures, each text against earlier ones.
pairs = 0
for i, m in enumerate(signatures):
    for j in lsh.query(m):
        if j < i and m.jaccard(signatures[j]) >= threshold:
            pairs += 1
print(json.dumps({"seconds": time.perf_counter() - began, "hashed": hashed, "pairs": pairs}))
