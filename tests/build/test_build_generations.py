"""The builder of each generation is driven as its documentation has it. Fakes that record calls."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from build_models import TINY_SPEC, constants_of, frames, operators, tiny_graph
from fake_builders import BY_FLAGS, VERSIONS, fake_builder, plan_of
from onnx import TensorProto, save

from edgeclf.build import Store, build_engine
from edgeclf.cuda.fake import FAKE_FACTS
from edgeclf.engine import facts_of, split
from edgeclf.errors import BackendError, BackendUnavailable, ModelError
from edgeclf.models import DEFAULT_ONNX

GIB = 2**30
BY_TYPE = tuple(version for version in VERSIONS if version not in BY_FLAGS)


@pytest.mark.parametrize("version", VERSIONS)
def test_fp32(version, build, tmp_path):
    module, fake = fake_builder(version)
    report = build(module)
    # EXPLICIT_BATCH is bit 0 where there is one; where there is none, a flag would be an error.
    assert fake.named("create_network") == [(1 if version in BY_FLAGS else 0,)]
    assert fake.named("clear_flag") == [("TF32",)]
    assert fake.named("set_flag") == []
    document, plan = split((tmp_path / "out.engine").read_bytes())
    assert bytes(plan) == plan_of(version)
    facts = facts_of(document)
    assert facts.built_with == report.built_with == f"tensorrt {version}"
    assert facts.gpu == FAKE_FACTS.name
    assert facts.compute_capability == ".".join(map(str, FAKE_FACTS.compute_capability))


@pytest.mark.parametrize("version", VERSIONS)
def test_fp16(version, build):
    module, fake = fake_builder(version)
    report = build(module, precision="fp16")
    weights = {c.dtype.name for c in constants_of(fake.parsed).values()}
    assert fake.named("clear_flag") == []
    if version in BY_FLAGS:
        assert fake.named("set_flag") == [("FP16",)]
        assert weights == {"float32"}
        assert "TensorRT chooses" in report.notes[0]
    else:
        assert fake.named("set_flag") == []
        assert weights == {"float16"}
        assert report.notes == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_int8_of_a_quantised_model_uses_its_ranges(version, build):
    module, fake = fake_builder(version)
    build(module, DEFAULT_ONNX, precision="int8")
    wanted = [("FP16",), ("INT8",)] if version in BY_FLAGS else []
    assert fake.named("set_flag") == wanted
    assert fake.named("int8_calibrator") == []
    assert operators(fake.parsed).count("QuantizeLinear") == 111
    kind = fake.parsed.graph.input[0].type.tensor_type.elem_type
    assert kind == (TensorProto.FLOAT if version.startswith("8.2") else TensorProto.UINT8)


def test_the_spec_follows_the_input_that_8_2_takes(build, tmp_path):
    module, _ = fake_builder("8.2.1.8")
    build(module, DEFAULT_ONNX)
    document, _ = split((tmp_path / "out.engine").read_bytes())
    assert document["edgeclf"]["input"]["dtype"] == "float32"
    assert document["edgeclf"]["input"]["mean"] is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("asked", [None, 96 * 2**20])
def test_workspace(version, asked, build):
    module, fake = fake_builder(version)
    report = build(module, workspace_bytes=asked)
    size = report.memory.workspace_bytes
    assert size == (asked or GIB)
    if version.startswith("8.2"):
        assert fake.named("max_workspace_size") == [(size,)]
    else:
        assert fake.named("set_memory_pool_limit") == [("WORKSPACE", size)]
        assert fake.named("max_workspace_size") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dynamic_batch_gets_a_profile(version, build):
    module, fake = fake_builder(version)
    report = build(module, batch=(1, 4, 16))
    shapes = [(n, 3, 16, 16) for n in (1, 4, 16)]
    assert fake.named("set_shape") == [("x", *shapes)]
    assert fake.named("add_optimization_profile") == [()]
    assert report.batch == (1, 4, 16)


def test_a_fixed_batch_gets_none(build, tmp_path):
    save(tiny_graph(batch=2), str(tmp_path / "two.onnx"))
    module, fake = fake_builder("10.3.0.26")
    report = build(module, tmp_path / "two.onnx", spec=TINY_SPEC)
    assert fake.named("add_optimization_profile") == []
    assert report.batch == (2, 2, 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_dla(version, build):
    module, fake = fake_builder(version)
    fake.dla_cores = 2
    report = build(module, precision="fp16", dla=1)
    assert fake.named("DLA_core") == [(1,)]
    assert [kind.name for (kind,) in fake.named("default_device_type")] == ["DLA"]
    assert ("GPU_FALLBACK",) in fake.named("set_flag")
    assert report.dla == 1
    with pytest.raises(BackendUnavailable, match="core 2 was asked for, and there are 2"):
        build(module, precision="fp16", dla=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_version_compatible(version, build, tmp_path):
    module, fake = fake_builder(version)
    if version[:3] in ("8.2", "8.5"):
        with pytest.raises(BackendUnavailable, match=r"8\.6 and later"):
            build(module, version_compatible=True)
        return
    report = build(module, version_compatible=True)
    # The lean runtime stays inside: a later version has nothing else to read the plan with.
    assert fake.named("set_flag") == [("VERSION_COMPATIBLE",)]
    assert any("engine_host_code_allowed" in note for note in report.notes)
    document, _ = split((tmp_path / "out.engine").read_bytes())
    assert report.version_compatible is facts_of(document).version_compatible is True


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_measured_serves_the_next_build(version, build, tmp_path):
    store = Store(tmp_path / "cache")
    module, fake = fake_builder(version)
    for _ in range(2):
        build(module, timing_cache=store)
    assert fake.named("set_timing_cache") == [(b"", False), (b"measured times", False)]
    (kept,) = (tmp_path / "cache").glob("*.timing")
    kept.write_bytes(b"somebody else's times")
    build(module, timing_cache=store)
    assert fake.named("set_timing_cache")[2] == (b"", False)
    assert kept.read_bytes() == b"measured times"


def test_times_of_one_version_are_not_another_s(build, tmp_path):
    store = Store(tmp_path / "cache")
    for version in ("10.3.0.26", "11.4.0.1"):
        module, fake = fake_builder(version)
        build(module, timing_cache=store)
        assert fake.named("set_timing_cache") == [(b"", False)]


def test_a_cache_that_cannot_be_used_costs_time_alone(build, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EDGECLF_CACHE_DIR", str(tmp_path / "file" / "cache"))
    module, fake = fake_builder("10.3.0.26")
    build(module, timing_cache=True)
    assert fake.named("set_timing_cache") == [(b"", False)]
    assert "not kept" in caplog.text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_what_the_gpu_cannot_is_not_built_in_silence(version, precision, build):
    module, fake = fake_builder(version)
    fake.fast[precision] = False
    if version not in BY_FLAGS:  # this generation does not tell
        return
    with pytest.raises(BackendUnavailable, match=f"does not compute in {precision}"):
        build(module, precision=precision, calibrate=frames(2))


def test_int8_without_fast_fp16_takes_fp32_beside_it(build):
    module, fake = fake_builder("8.6.1.6")
    fake.fast["fp16"] = False
    build(module, DEFAULT_ONNX, precision="int8")
    assert fake.named("set_flag") == [("INT8",)]


@pytest.mark.parametrize("version", VERSIONS)
def test_another_gpu_cannot_be_asked_for(version, build):
    module, _ = fake_builder(version)
    with pytest.raises(BackendUnavailable, match="for the GPU that it runs on"):
        build(module, compute_capability="8.9")


@pytest.mark.parametrize("version", VERSIONS)
def test_progress(version, build):
    module, _ = fake_builder(version)
    seen = []
    build(module, progress=lambda *step: seen.append(step) or True)
    vendor = [step for step in seen if step[0] == "Building engine"]
    has_progress = version.startswith(("10", "11"))
    wanted = [("Building engine", done, 2) for done in (0, 1, 2)]
    assert vendor == (wanted if has_progress else [])


def test_progress_stops_the_build(build):
    module, _ = fake_builder("10.3.0.26")
    with pytest.raises(BackendError, match="stopped"):
        build(module, progress=lambda step, done, total: done < 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_parser_s_errors_are_told(version, build):
    module, fake = fake_builder(version)
    fake.parse_errors = (("no importer for Foo", "Foo", "odd"), ("and worse", "Bar", ""))
    with pytest.raises(ModelError) as caught:
        build(module)
    text = str(caught.value)
    named = version.startswith(("10", "11"))
    assert ("Foo odd: no importer for Foo" if named else "node number 0: no importer") in text
    assert f"tensorrt {version}" in text
    assert "and worse" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_a_build_that_fails_says_what_the_log_said(version, build, tmp_path):
    module, fake = fake_builder(version)
    fake.fails, fake.log = True, ("Could not find any implementation for node conv.",)
    with pytest.raises(BackendError, match="any implementation for node conv"):
        build(module)
    fake.log = ("[resize.cpp::alloc] Error Code 2: OutOfMemory (no further information)",)
    with pytest.raises(BackendError, match="--workspace 64M"):
        build(module)
    fake.log = ()
    with pytest.raises(BackendError, match="gave no reason"):
        build(module)
    assert not (tmp_path / "out.engine").exists()


def test_a_builder_that_does_not_start(build):
    module, fake = fake_builder("10.3.0.26")
    fake.no_builder = True
    with pytest.raises(BackendUnavailable, match="initialization failure with error: 35"):
        build(module)


def test_without_a_device_tensorrt_is_not_touched(tmp_path, monkeypatch):
    from edgeclf.build import toolchain

    def no_device(index):
        raise BackendUnavailable("no CUDA device: no driver")

    monkeypatch.setattr(toolchain, "open_cuda", no_device)
    module, fake = fake_builder("10.3.0.26")
    with pytest.raises(BackendUnavailable, match="builds on the GPU that the engine is for: no CU"):
        build_engine(DEFAULT_ONNX, tmp_path / "out.engine", module=module)
    assert fake.calls == []


def test_a_board_with_too_little_memory_is_told_at_once(build, cuda, monkeypatch):
    from edgeclf.build import memory

    cuda.facts = cuda.facts._replace(integrated=True)
    board = memory.read_board()
    for available, refused in ((200 * 2**20, True), (700 * 2**20, False)):
        seen = board._replace(memory_available_bytes=available)
        monkeypatch.setattr(memory, "read_board", lambda seen=seen: seen)
        module, fake = fake_builder("8.2.1.8")
        if refused:
            with pytest.raises(BackendError, match=r"that CPU and GPU share.*200 MiB are free"):
                build(module)
            assert fake.calls == []
        else:
            report = build(module)
            assert report.memory.shared
            assert report.memory.workspace_bytes == 175 * 2**20
            assert "may fail" in report.memory.warning
            assert report.memory.warning in report.notes


def test_a_disk_that_is_full(build, monkeypatch, tmp_path):
    from edgeclf.build import target

    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(target.shutil, "disk_usage", lambda path: usage)
    module, _ = fake_builder("10.3.0.26")
    with pytest.raises(BackendError, match="10 are free"):
        build(module)
    assert not (tmp_path / "out.engine").exists()


def test_verbose_logs_what_the_builder_says(build, caplog):
    module, fake = fake_builder("10.3.0.26")
    fake.log = ("a remark",)
    with caplog.at_level(logging.DEBUG, "edgeclf"):
        build(module)
    assert "a remark" in caplog.text
