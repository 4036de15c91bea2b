"""Writes test/golden/event-file.json: an event file as TensorBoard's own writer makes it.

Run from the repository root with a Python that has tensorboard: python scripts/golden/event-file.py
"""

import base64
import io
import json
import pathlib

import tensorboard
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Buffer(io.BytesIO):
    def close(self):
        pass


PNG = bytes(range(200))
VALUES = [1.0, 2.0, 2.0, 5.0]
EVENTS = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(
        wall_time=1700000001.5,
        step=1,
        summary=Summary(value=[
            Summary.Value(tag="train/loss", simple_value=2.25),
            Summary.Value(tag="训练/准确率", simple_value=0.0),
        ]),
    ),
    Event(wall_time=1700000002.0, summary=Summary(value=[Summary.Value(tag="step zero", simple_value=1e30)])),
    Event(
        wall_time=1700000003.0,
        step=5_000_000_000,
        summary=Summary(value=[Summary.Value(tag="last", simple_value=float("inf"))]),
    ),
    Event(
        wall_time=1700000004.0,
        step=300,
        summary=Summary(value=[
            Summary.Value(tag="weights", histo=HistogramProto(
                min=min(VALUES), max=max(VALUES), num=len(VALUES), sum=sum(VALUES), sum_squares=sum(v * v for v in VALUES),
                bucket_limit=[2.0, 3.0, 4.0, 5.0], bucket=[1, 2, 0, 1],
            )),
        ]),
    ),
    Event(
        wall_time=1700000005.0,
        step=301,
        summary=Summary(value=[
            Summary.Value(tag="picture", image=Summary.Image(height=20, width=10, colorspace=3, encoded_image_string=PNG)),
        ]),
    ),
]

buffer = Buffer()
writer = RecordWriter(buffer)
for event in EVENTS:
    writer.write(event.SerializeToString(deterministic=True))
writer.flush()
golden = {
    "madeBy": f"tensorboard {tensorboard.__version__}, scripts/golden/event-file.py",
    "base64": base64.b64encode(buffer.getvalue()).decode(),
}
path = pathlib.Path("test/golden/event-file.json")
path.write_text(json.dumps(golden, indent=2) + "\n")
print(path, len(buffer.getvalue()), "bytes")
