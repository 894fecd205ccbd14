"""Measures PyTorch, eager, for bench/run.ts.

Each line of input asks for repeats of a workload, each line of output gives their milliseconds:
{"workload": "add", "settings": {...}, "count": 3} -> {"times": [1.2, 1.1, 1.1]} or {"error": "..."}
"""

import json
import sys
import time

import torch

import gpt
import limits
import picture
import sample
import vqgan

WORKLOADS = {
    "matmul": limits.matmul,
    "read": limits.read,
    "add": limits.add,
    "gpt": gpt.workload,
    "vqgan": vqgan.workload,
    "sample": sample.workload,
    "picture": picture.workload,
}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    built, step = None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            wanted = (request["workload"], request["settings"])
            if wanted != built:
                built, step = None, None  # gives its memory back first
                step = WORKLOADS[request["workload"]](request["settings"])
                built = wanted
            times = []
            for _ in range(request["count"]):
                start = time.perf_counter()
                step()
                times.append((time.perf_counter() - start) * 1000)
            answer = {"times": times}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
