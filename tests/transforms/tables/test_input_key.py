"""The key of an outcome stays what it was: a run that an earlier version began would otherwise begin anew."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Scene, Source
from dpdeblur.transforms.tables.input_key import input_key

TEXT = st.text(st.characters() | st.sampled_from('"\\\n\udcff\0é'), max_size=8)  # names of files may be any bytes
SOURCES = st.builds(
    Source, TEXT, st.none() | st.integers(0, 2**63), st.none() | st.integers(0, 2**63), st.just("") | TEXT, st.just("") | TEXT
)


@given(SOURCES, SOURCES, st.none() | SOURCES, st.none() | SOURCES, TEXT, st.none() | SOURCES, TEXT)
def test_a_key_is_the_digest_of_the_json_of_what_it_depends_on(
    left: Source,
    right: Source,
    combined: Source | None,
    target: Source | None,
    subset: str,
    restored: Source | None,
    settings: str,
) -> None:
    facts = [
        file and [file.place if file.place and file.stamp else file.uri, file.offset, file.size, file.stamp]
        for file in (left, right, combined, target, restored)
    ]
    expected = hashlib.sha256(json.dumps([settings, subset, *facts]).encode()).hexdigest()[:32]
    assert input_key(Scene("a", left, right, combined, target, subset, restored), settings) == expected
