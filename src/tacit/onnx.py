"""``tacit.onnx.export(model, folder, images)``: ONNX files of a model (`tacit.saved.onnx`)."""

from tacit.saved.onnx import Exported, OnnxError, export

__all__ = ["Exported", "OnnxError", "export"]
