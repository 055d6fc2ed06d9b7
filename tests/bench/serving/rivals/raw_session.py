"""The limit of any server on ONNX Runtime: `session.run` on one row, and nothing else.

    python raw_session.py MODEL ROW SECONDS

Prints the runs, and the CPU seconds that they took.
"""

import json
import sys
import time

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
inputs = {session.get_inputs()[0].name: np.load(sys.argv[2])}
for _ in range(100):
    session.run(names, inputs)
runs, begun, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - begun < float(sys.argv[3]):
    for _ in range(20):
        session.run(names, inputs)
    runs += 20
seconds = time.process_time() - cpu
print(json.dumps({"runs": runs, "cpu": seconds, "wall": time.perf_counter() - begun}))
