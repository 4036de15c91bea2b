"""python llama_decode.py MODEL.gguf PROMPT TOKENS THREADS: tokens a second of llama.cpp, from the first token to the last."""
import sys
import time

from llama_cpp import Llama

model, prompt, count, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
llama = Llama(model_path=model, n_ctx=512, n_threads=threads, n_threads_batch=threads, verbose=False)
for _ in range(2):
    tokens = llama.tokenize(prompt.encode())
    llama.reset()
    times = []
    for token in llama.generate(tokens, temp=0.0):
        times.append(time.perf_counter())
        if len(times) >= count:
            break
print((len(times) - 1) / (times[-1] - times[0]))
