"""ONNX: the graph's facts, the embedded document, external data. The onnx package is the judge."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_models import LABELS, checked, onnx_model, run_onnx, save_onnx

from edgeclf.errors import ManifestError, ModelError
from edgeclf.manifest import check_external_data, embed, graph_facts, read
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec

SPECS = (InputSpec(8, 8, mean=127.5, std=(1, 2, 3)), OutputSpec(LABELS, "none"))
OTHER = (InputSpec(8, 8, "bgr", mean=0, std=1), OutputSpec(("ä", "b", "c", "d"), "softmax"))


def facts(**options: Any) -> Any:
    return graph_facts(ModelFile(onnx_model(**options)))


@pytest.mark.parametrize(
    ("ends", "operator", "activation"),
    [
        (["Softmax"], "Softmax", "none"),
        (["Sigmoid"], "Sigmoid", "none"),
        (["Softmax", "Identity", "Cast", "Flatten", "Squeeze"], "Softmax", "none"),
        ([], "MatMul", None),
        (["Identity"], "MatMul", None),
        (["HardSigmoid"], "HardSigmoid", None),
        (["LogSoftmax"], "LogSoftmax", None),
        (["Softmax", "Relu"], "Relu", None),
    ],
)
def test_where_the_scores_come_from(ends: Any, operator: str, activation: Any) -> None:
    assert facts(ends=ends) == (operator, activation, "fp32")


def test_a_softmax_of_another_domain_is_not_one() -> None:
    assert facts(ends=["Softmax"], domain="com.example").activation is None


def test_quantised_scores_lead_back_to_their_softmax() -> None:
    model = onnx.load_model_from_string(onnx_model(ends=["Softmax", "Identity", "Identity"]))
    for node, operator in zip(model.graph.node[-2:], ("QuantizeLinear", "DequantizeLinear")):
        node.op_type = operator
        node.input.extend(["scale", "zero"])
    found = graph_facts(ModelFile(model.SerializeToString()))
    assert found[:2] == ("Softmax", "none")


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [("float32", "fp32"), ("float16", "fp16"), ("int8", "int8"), ("uint8", "int8")],
)
def test_what_most_weights_are_stored_in(dtype: str, precision: str) -> None:
    weights = np.zeros((192, 4), dtype)
    assert facts(weights=weights).precision == precision
    model = onnx.load_model_from_string(onnx_model(weights=weights))
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.zeros(700, np.float32), "fewer than 768")
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(9999, np.int64), "shape"))
    assert graph_facts(ModelFile(model.SerializeToString())).precision == precision


def test_weights_in_constant_nodes_count() -> None:
    model = onnx.load_model_from_string(onnx_model())
    value = model.graph.initializer.pop()
    value.CopyFrom(onnx.numpy_helper.from_array(np.zeros((192, 4), np.float16), "weights"))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["weights"], value=value))
    assert graph_facts(ModelFile(model.SerializeToString())).precision == "fp16"


def test_a_graph_without_outputs_and_one_that_runs_in_a_circle() -> None:
    model = onnx.load_model_from_string(onnx_model(ends=["Identity"]))
    model.graph.node[-1].input[0] = "scores"
    assert graph_facts(ModelFile(model.SerializeToString())).final_operator == ""
    del model.graph.output[:]
    with pytest.raises(ModelError, match="no output"):
        graph_facts(ModelFile(model.SerializeToString()))


def test_embedding_changes_the_entry_and_nothing_else(tmp_path: Path) -> None:
    path = save_onnx(tmp_path, metadata={"author": "someone", "edgeclf": "{}"})
    before = checked(path.read_bytes())
    wanted = run_onnx(path.read_bytes())
    embed(path, *SPECS)
    after = checked(path.read_bytes())
    entries = {entry.key: entry.value for entry in after.metadata_props}
    assert set(entries) == {"author", "edgeclf"}
    assert len(after.metadata_props) == 2
    assert json.loads(entries["edgeclf"])["output"]["labels"] == list(LABELS)
    del before.metadata_props[:]
    del after.metadata_props[:]
    assert after == before
    np.testing.assert_array_equal(run_onnx(path.read_bytes()), wanted)


def test_the_rest_of_the_file_stays_byte_for_byte(tmp_path: Path) -> None:
    content = onnx_model(metadata={"a": "1"})
    # A field that no schema of today has must stay too: number 200, three bytes.
    content += bytes([0xC2, 0x0C, 3]) + b"xyz"
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    embed(path, *SPECS)
    assert path.read_bytes().startswith(content)
    first = path.read_bytes()
    embed(path, *OTHER)
    assert path.read_bytes().startswith(content)
    embed(path, *SPECS)
    assert path.read_bytes() == first


@pytest.mark.parametrize("specs", [SPECS, OTHER])
def test_what_is_embedded_reads_back(tmp_path: Path, specs: Any) -> None:
    path, out = save_onnx(tmp_path), tmp_path / "out.onnx"
    untouched = path.read_bytes()
    embed(path, *specs, out=out)
    assert path.read_bytes() == untouched
    (source,) = read(ModelFile(out.read_bytes()))
    values = {name: getattr(specs[0], name) for name in ("mean", "std", "color_mode", "width")}
    values.update(labels=specs[1].labels, activation=specs[1].activation)
    assert {name: source.fields[name] for name in values} == values


def test_an_embedded_document_that_is_not_one() -> None:
    for text in (
        "",
        "[]",
        '{"schema_version": 2}',
        '{"schema_version": 1, "input": {"mean": NaN}}',
    ):
        with pytest.raises(ManifestError, match="ONNX metadata"):
            read(ModelFile(onnx_model(metadata={"edgeclf": text})))
    model = onnx.load_model_from_string(onnx_model(metadata={"edgeclf": "{}"}))
    model.metadata_props.add(key="edgeclf", value="{}")
    with pytest.raises(ManifestError, match="twice"):
        read(ModelFile(model.SerializeToString()))
    file_name = '{"schema_version": 1, "output": {"labels": "labels.txt"}}'
    with pytest.raises(ManifestError, match="file name"):
        read(ModelFile(onnx_model(metadata={"edgeclf": file_name})))


def external(entries: Dict[str, str], where: str = "initializer") -> bytes:
    """A model with one tensor whose data lies elsewhere."""
    model = onnx.load_model_from_string(onnx_model())
    tensor = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    graph = model.graph
    if where == "initializer":
        graph.initializer.append(tensor)
    elif where == "sparse":
        graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif where == "attribute":
        graph.node[0].attribute.append(helper.make_attribute("value", tensor))
    elif where == "tensors":
        graph.node[0].attribute.add(name="v").tensors.append(tensor)
    elif where == "subgraph":
        graph.node[0].attribute.add(name="body").g.initializer.append(tensor)
    elif where == "subgraphs":
        inner = graph.node[0].attribute.add(name="b").graphs.add().node.add()
        inner.attribute.add(name="b").g.initializer.append(tensor)
    elif where == "function":
        model.functions.add().node.add().attribute.add(name="v").t.CopyFrom(tensor)
    elif where == "training":
        model.training_info.add().algorithm.initializer.append(tensor)
    return bytes(model.SerializeToString())


PLACES = ["initializer", "sparse", "attribute", "tensors", "subgraph", "subgraphs", "function"]


@pytest.mark.parametrize("place", [*PLACES, "training"])
def test_external_data_is_found_wherever_it_stands(tmp_path: Path, place: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(external({"location": "../far.bin"}, place))
    with pytest.raises(ManifestError, match=r"'far' lie in '\.\./far\.bin'"):
        check_external_data(ModelFile(path))


def test_external_data_beside_the_model_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "far.bin").write_bytes(bytes(32))
    path = tmp_path / "model.onnx"
    for entries in (
        {"location": "model/far.bin"},
        {"location": "./model/far.bin", "offset": "16", "length": "16", "checksum": "x"},
    ):
        path.write_bytes(external(entries))
        check_external_data(ModelFile(path))
        with pytest.raises(ManifestError, match="given as bytes"):
            check_external_data(ModelFile(path.read_bytes()))
    save_onnx(tmp_path)
    check_external_data(ModelFile(tmp_path / "model.onnx"))
    check_external_data(ModelFile(onnx_model()))


@pytest.mark.parametrize(
    "location",
    [
        "", "..", "../far.bin", "a/../../far.bin", "a/..", "{absolute}", "C:far.bin", "C:\\far.bin",
        "c:/far.bin", "\\\\host\\far.bin", "a\\far.bin", "absent.bin", ".", "folder", "link.bin",
        "linked/far.bin", "hard.bin", "far.bin/", "far.bin\0x", "x" * 5000, "far.bin/far.bin",
    ],
)  # fmt: skip
def test_external_data_that_escapes(tmp_path: Path, location: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "model"
    for place in (outside, folder, folder / "folder"):
        place.mkdir()
    (outside / "far.bin").write_bytes(bytes(64))
    (folder / "far.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(outside / "far.bin")
    (folder / "linked").symlink_to(outside)
    os.link(outside / "far.bin", folder / "hard.bin")
    path = folder / "model.onnx"
    location = location.format(absolute=outside / "far.bin")
    path.write_bytes(external({"location": location}))
    with pytest.raises(ManifestError, match="far"):
        check_external_data(ModelFile(path))


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "65"}, {"length": "65"}, {"offset": "32", "length": "33"}, {"offset": "-1"},
        {"length": "1e3"}, {"offset": "9" * 30}, {"length": " 1"}, {"offset": ""}, {"length": "٣"},
    ],
)  # fmt: skip
def test_external_data_that_reaches_beyond_its_file(
    tmp_path: Path, entries: Dict[str, str]
) -> None:
    (tmp_path / "far.bin").write_bytes(bytes(64))
    path = tmp_path / "model.onnx"
    path.write_bytes(external({"location": "far.bin", "offset": "0", "length": "64"}))
    check_external_data(ModelFile(path))
    path.write_bytes(external({"location": "far.bin", **entries}))
    with pytest.raises(ManifestError, match="far"):
        check_external_data(ModelFile(path))
