"""The Python side of the benchmark's protocol (see ../contender-process.ts): one JSON request a line on stdin, one reply a line on stdout."""

import json
import os
import sys
import time

replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever a library prints goes to stderr


def say(message):
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def read_tensors(path):
    """The tensors of a safetensors file as NumPy arrays."""
    import numpy

    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    types = {"F32": numpy.float32, "I32": numpy.int32}
    return {
        name: numpy.frombuffer(data[entry["data_offsets"][0] : entry["data_offsets"][1]], types[entry["dtype"]]).reshape(entry["shape"]).copy()
        for name, entry in header.items()
    }


def serve(prepare):
    """Answers the harness. `prepare(tensors, settings, variant)` returns (step, notes); `step()` trains once and returns the loss as a number."""
    variant = sys.argv[1] if len(sys.argv) > 1 else "eager"
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "setup":
                try:
                    import torch
                except ImportError as error:
                    say({"skip": f"this Python has no PyTorch ({error}); name one that has in DESCENT_BENCH_PYTHON"})
                    continue
                torch.set_num_threads(request["threads"])
                torch.manual_seed(0)
                step, notes = prepare(read_tensors(request["inputsFile"]), request["settings"], variant)
                say({"ok": {"version": torch.__version__, "notes": f"{notes}; {torch.get_num_threads()} threads"}})
            elif request["do"] == "steps":
                times, losses = [], []
                for _ in range(request["n"]):
                    start = time.perf_counter()
                    losses.append(step())
                    times.append((time.perf_counter() - start) * 1000)
                say({"ok": {"msPerStep": times, "losses": losses}})
            else:
                say({"ok": {}})
                return
        except Exception as error:  # reported to the harness, which goes on without this contender
            import traceback

            traceback.print_exc()
            say({"error": f"{type(error).__name__}: {error}".splitlines()[0]})
