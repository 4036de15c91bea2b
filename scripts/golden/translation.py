"""BLEU and chrF of sacrebleu on small sets of texts: `python scripts/golden/translation.py > test/golden/translation.json`."""

import json

import sacrebleu

SETS = [
    [["The cat sat on the mat.", "The cat sat on the mat."]],
    [["The cat sat on the mat, didn't it?", "A cat sat on a mat; did it?"], ["It costs $3.50 - cheap & good!", "It costs $3.5, cheap &amp; good!"]],
    [["二零二一年三月三日", "二零二一年三月十三日"], ["房间很干净", "房间干净"]],
    [["2021-03-03", "2021-03-13"], ["1999-12-31", "1999-12-31"], ["2000-01-01", ""]],
    [["one two three", "four five six"]],
    [["a b c d e f g h", "a b c d"], ["x y", "x y z 😀"]],
]
cases = []
for pairs in SETS:
    wanted, written = [p[0] for p in pairs], [p[1] for p in pairs]
    bleu = sacrebleu.corpus_bleu(written, [wanted], force=True).score / 100
    chrf = sacrebleu.corpus_chrf(written, [wanted]).score / 100
    cases.append({"pairs": pairs, "bleu": bleu, "chrF": chrf})
print(json.dumps({"madeBy": f"scripts/golden/translation.py, sacrebleu {sacrebleu.__version__}", "cases": cases}, ensure_ascii=False, separators=(",", ":")))
