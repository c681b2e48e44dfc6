"""The spec in a TFLite model: ``edgeclf.json`` in its archive, and standard TFLite Metadata.

The FlatBuffer is unpacked and packed again by TFLite's own schema classes. Every buffer is put
on a multiple of 16 bytes, as the schema asks and those classes forget: XNNPACK reads weights in
place.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Dict, List, Tuple

from edgeclf.errors import BackendUnavailable, ModelError
from edgeclf.manifest import tflite_metadata, tflite_metadata_writer
from edgeclf.manifest.archive import open_archive
from edgeclf.manifest.tflite import DOCUMENT, METADATA
from edgeclf.manifest.tflite_graph import metadata_buffer, output_count
from edgeclf.model_file import ModelFile
from edgeclf.spec import InputSpec, OutputSpec

__all__ = ["embedded"]

_ALIGNMENT = 16
_IDENTIFIER = b"TFL3"
# The archive's clock: the same spec gives the same bytes whenever it is embedded.
_DATE = (1980, 1, 1, 0, 0, 0)


def embedded(
    model: ModelFile, document: Dict[str, Any], input_spec: InputSpec, output_spec: OutputSpec
) -> bytes:
    """The model's bytes with the document and the metadata, and no older ones.

    Raises:
        ModelError: damaged, or over 2 GB. BackendUnavailable: TFLite's schema is not installed.
    """
    old = metadata_buffer(model, METADATA)
    metadata, files = tflite_metadata_writer.write(
        model.name, input_spec, output_spec, output_count(model), old
    )
    files[DOCUMENT] = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    members = [member for member in _other_members(model, old) if member[0] not in files]
    flatbuffer = _with_metadata(model, metadata)
    return _with_archive(flatbuffer, members + sorted(files.items()))


def _other_members(model: ModelFile, old: Any) -> List[Tuple[str, bytes]]:
    """What other tools put into the archive, without the files of the metadata that goes."""
    archive = open_archive(model)
    if archive is None:
        return []
    gone = [DOCUMENT] + (tflite_metadata.file_names(old, model.name) if old else [])
    found = []
    for name in archive.names():
        content = archive.text_bytes(name)
        if name not in gone and content is not None:
            found.append((name, content))
    return found


def _with_metadata(model: ModelFile, metadata: bytes) -> bytes:
    try:
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as exc:
        raise BackendUnavailable(
            "embedding into a .tflite file needs ai-edge-litert and flatbuffers: "
            "pip install edgeclf[tools]"
        ) from exc
    tree = _unpacked(schema, model)
    if any(buffer.offset > 1 for buffer in tree.buffers):
        raise ModelError(f"{model.name}: a model of over 2 GB holds no specs. Use write_sidecar")
    _put(tree, schema, metadata)
    builder = flatbuffers.Builder(len(model.content))
    aligned = _aligned_buffer_class(schema)
    tree.buffers = [aligned(data=buffer.data) for buffer in tree.buffers]
    builder.Finish(tree.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _unpacked(schema: Any, model: ModelFile) -> Any:
    try:
        return schema.ModelT.InitFromPackedBuf(model.content, 0)
    except Exception as exc:  # whatever a damaged offset leads those classes to
        raise ModelError(f"{model.name}: damaged: {exc}. Copy the model again") from exc


def _put(tree: Any, schema: Any, content: bytes) -> None:
    """Into the entry TFLITE_METADATA, which is made where there is none."""
    tree.metadata = tree.metadata or []
    data = memoryview(content)
    for entry in tree.metadata:
        if entry.name in (METADATA, METADATA.encode()):
            tree.buffers[entry.buffer].data = data
            return
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(tree.buffers)
    tree.metadata.append(entry)
    tree.buffers.append(schema.BufferT(data=data))


def _aligned_buffer_class(schema: Any) -> Any:
    class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:
            if self.data is None:
                return super().Pack(builder)
            data = bytes(self.data)
            # A FlatBuffer grows from its end: this pads so that the vector will begin aligned.
            builder.Prep(_ALIGNMENT, len(data))
            vector = builder.CreateByteVector(data)
            schema.BufferStart(builder)
            schema.BufferAddData(builder, vector)
            return schema.BufferEnd(builder)

    return AlignedBuffer


def _with_archive(flatbuffer: bytes, members: List[Tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO(flatbuffer)
    # Stored, not deflated: other readers of TFLite Metadata expect that.
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return stream.getvalue()
