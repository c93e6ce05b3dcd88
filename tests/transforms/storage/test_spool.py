"""What is set aside by bucket comes back whole, whatever the number of buckets, from memory or from a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.storage.spool import PARTITIONS, Spool, bucket_of, buckets_for, in_order

NAMES = st.lists(st.text(st.characters(), max_size=6), max_size=60)


@given(NAMES, st.sampled_from([1, 2, 16, PARTITIONS]), st.integers(1, 70))
def test_every_record_comes_back_once_in_its_bucket_and_in_order(names: list[str], buckets: int, in_memory: int) -> None:
    spool = Spool[tuple[str, int]](in_memory)
    for number, name in enumerate(names):
        spool.add(name, (name, number))
    assert len(spool) == len(names)
    found = [list(spool.bucket(number, buckets)) for number in range(buckets)]
    assert sorted(number for records in found for _, number in records) == list(range(len(names)))
    for number, records in enumerate(found):
        assert all(bucket_of(name, buckets) == number for name, _ in records)
        for name in set(names):
            of_name = [n for each, n in records if each == name]
            assert of_name == sorted(of_name)
    assert [list(spool.bucket(number, buckets)) for number in range(buckets)] == found, "it can be read again"


@given(NAMES)
def test_buckets_of_a_larger_number_lie_in_one_of_a_smaller(names: list[str]) -> None:
    for name in names:
        assert bucket_of(name, 64) % 8 == bucket_of(name, 8)


@given(st.lists(NAMES, max_size=4), st.integers(1, 5))
def test_records_come_in_order(parts: list[list[str]], buckets: int) -> None:
    assert list(in_order(parts, buckets, lambda name: name)) == sorted(name for part in parts for name in part)


def test_reading_goes_on_while_more_is_added() -> None:
    spool = Spool[int](2)
    for number in range(6):
        spool.add("a", number)
    reading = spool.bucket(0, 1)
    first = next(reading)
    for number in range(6, 10):
        spool.add("b", number)
    assert [first, *(number for number in reading if number < 6)] == list(range(6))


@pytest.mark.parametrize("records", [0, 1, 19_999, 20_001, 10**6, 10**12])
def test_buckets_are_as_large_as_they_may_be(records: int) -> None:
    buckets = buckets_for(records, 20_000)
    assert buckets & (buckets - 1) == 0
    assert buckets * 20_000 >= records or buckets == PARTITIONS
    assert buckets == 1 or buckets // 2 * 20_000 < records
