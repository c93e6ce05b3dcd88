"""Writing a card into an ONNX file, and as JSON next to it. Needs the onnx package (extra `train`)."""

from __future__ import annotations

from pathlib import Path

from dpdeblur.models.runtime.card import METADATA_KEY, Card


def stamp(path: Path, card: Card) -> None:
    """Write `card` into the metadata of the ONNX file at `path` and as `<stem>.json` next to it; nothing else changes.

    Written again with the same card, the file is the same to the byte. Each file is replaced as a whole.
    """
    import onnx  # noqa: PLC0415 - an extra

    model = onnx.load(path, load_external_data=False)
    kept = [(prop.key, prop.value) for prop in model.metadata_props if prop.key != METADATA_KEY]
    del model.metadata_props[:]
    for key, value in [*kept, (METADATA_KEY, card.to_json())]:
        model.metadata_props.add(key=key, value=value)
    _replace(path, model.SerializeToString(deterministic=True))
    _replace(path.with_suffix(".json"), card.to_json().encode())


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
