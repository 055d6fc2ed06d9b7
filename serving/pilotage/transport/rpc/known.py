"""Requests that differ from the last ones in nothing but their numbers need no parser.

A client sends the same message again and again, and the bytes of its tensor stand at the end. So a message that begins
as one that was read before, and is as long, means the same up to there.
"""

from typing import NamedTuple

import numpy as np

from pilotage.bundle.format import Contract
from pilotage.runtime.session import dtype_of
from pilotage.transport.inference import InferRequest

_MOST = 64
_MOST_BYTES = 512  # of what stands before the tensor's bytes
_RAW_TAG = b"\x3a"  # raw_input_contents


class _Shape(NamedTuple):
    start: bytes
    model: str
    shape: tuple[int, ...]
    request: InferRequest


class Known:
    """For models of one input whose bytes need no look at each element."""

    def __init__(self, contract: Contract) -> None:
        tensor = contract.inputs[0]
        self._fits = len(contract.inputs) == 1 and tensor.datatype not in ("BOOL", "BYTES")
        self._name = tensor.name
        self._dtype = dtype_of(tensor.datatype)
        self._by_length: dict[int, _Shape] = {}

    def read(self, message: bytes) -> tuple[str, InferRequest] | None:
        """The model's name and the request, if the message is like one before."""
        known = self._by_length.get(len(message))
        if known is None or not message.startswith(known.start):
            return None
        request = known.request
        array = np.ndarray(known.shape, self._dtype, message[len(known.start) :])
        return known.model, InferRequest(request.id, {self._name: array}, request.outputs, request.timeout)

    def remember(self, message: bytes, model: str, request: InferRequest) -> None:
        """A message with raw contents that was read by the parser, and what it means."""
        if not self._fits or request.id or not request.outputs[0].binary:  # an id is another each time
            return
        array = request.inputs[self._name]
        start = message[: len(message) - array.nbytes]
        if len(start) <= _MOST_BYTES and start.endswith(_RAW_TAG + varint(array.nbytes)):
            if len(self._by_length) >= _MOST:
                self._by_length.clear()
            bare = InferRequest("", {}, request.outputs, request.timeout)
            self._by_length[len(message)] = _Shape(start, model, array.shape, bare)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    coded = bytearray()
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)
