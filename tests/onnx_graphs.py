"""Small ONNX graphs that encode pictures, or that cannot."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def saved(
    path,
    *,
    sides=("n", 3, 8, 8),
    kind=FLOAT,
    outputs=("features",),
    domain="",
    more_inputs=(),
    metadata=(),
    external=None,
    flat=True,
    weights=None,
):
    """Pictures, flattened, times a matrix, of ones to fours unless it is given."""
    if weights is None:
        weights = np.ones((192, 4), np.float32) * np.array([1, 2, 3, 4], np.float32)
    tensor = numpy_helper.from_array(weights, "w")
    if external is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=external)
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"], domain=""),
        helper.make_node("MatMul", ["flat", "w"], [outputs[0]], domain=domain),
    ]
    nodes += [helper.make_node("Relu", [outputs[0]], [name]) for name in outputs[1:]]
    if not flat:
        nodes = [helper.make_node("Relu", ["pictures"], [outputs[0]])]
    inputs = [helper.make_tensor_value_info("pictures", kind, sides)]
    inputs += [helper.make_tensor_value_info(name, FLOAT, ("n", 4)) for name in more_inputs]
    graph = helper.make_graph(
        nodes,
        "encoder",
        inputs,
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [tensor],
    )
    opsets = [helper.make_opsetid("", 17)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())
    return f"onnx:{path}"
