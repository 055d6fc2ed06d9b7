"""A custom model as KServe's documentation shows it, with ONNX Runtime inside: NAME, the file, then KServe's flags."""

# mypy: ignore-errors
# What it imports is in its server's environment, not in ours.

import sys

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid


class OnnxModel(Model):
    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.ready = True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        inputs = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        outputs = []
        for name, answer in zip(self._outputs, self._session.run(self._outputs, inputs), strict=True):
            datatype = {"float32": "FP32", "int64": "INT64"}[answer.dtype.name]
            output = InferOutput(name=name, shape=list(answer.shape), datatype=datatype)
            output.set_data_from_numpy(answer, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )


if __name__ == "__main__":
    name, path = sys.argv[1:3]
    del sys.argv[1:3]
    ModelServer(workers=1).start([OnnxModel(name, path)])
