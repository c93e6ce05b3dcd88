"""Restoring inside somebody's own pipeline gives what `dpdeblur deblur` writes, keyed or not."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from dpdeblur.models.runtime.session import ModelSpec, open_model
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.restore import restore_image
from dpdeblur.transforms.run_inference import DeblurModelHandler, Views
from dpdeblur.transforms.scene_images import PixelSettings

RNG = np.random.default_rng(0)
CAPTURES = {f"capture-{number}": Views(*RNG.integers(0, 2**16, (2, 40 + number, 56, 3), np.uint16)) for number in range(4)}


def expected(views: Views) -> Image:
    return restore_image({"left": views.left, "right": views.right}, open_model("dpdeblur-s"), PixelSettings())


@pytest.mark.parametrize("batch_megapixels", [8, 0.0023, 0.001], ids=["all in one", "few", "each larger than a batch"])
def test_keyed_images_come_out_as_a_run_would_write_them(batch_megapixels: float) -> None:
    handler = DeblurModelHandler(batch_megapixels=batch_megapixels)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        restored = pipeline | beam.Create(list(CAPTURES.items())) | RunInference(KeyedModelHandler(handler))

        def same(found: list[tuple[str, Image]]) -> None:
            assert {key for key, _ in found} == set(CAPTURES)
            for key, image in found:
                assert np.array_equal(image, expected(CAPTURES[key]))

        assert_that(restored, same)


def test_batches_are_bounded_by_pixels() -> None:
    handler = DeblurModelHandler(batch_megapixels=0.0023)
    kwargs = handler.batch_elements_kwargs()
    assert kwargs["max_batch_size"] == 2300
    assert (
        kwargs["element_size_fn"](CAPTURES["capture-0"]) == kwargs["element_size_fn"](("key", CAPTURES["capture-0"])) == 40 * 56
    )
    batch = list(CAPTURES.values())
    assert handler.get_num_bytes(batch) == sum(2 * views.left.nbytes for views in batch)


def test_images_that_do_not_belong_together_are_refused() -> None:
    handler = DeblurModelHandler(ModelSpec("views-mean"))
    views = Views(CAPTURES["capture-0"].left, CAPTURES["capture-1"].right)
    with pytest.raises(SceneError, match="The right image is"):
        list(handler.run_inference([views], handler.load_model()))
