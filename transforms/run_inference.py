"""Restoring inside your own pipeline: a model handler for Beam's `RunInference`.

    from apache_beam.ml.inference.base import KeyedModelHandler, RunInference

    views | RunInference(KeyedModelHandler(DeblurModelHandler("dpdeblur-s")))

Elements are `Views`; with a `KeyedModelHandler`, pairs of a key and `Views`. What comes out is the restored image, or pairs of
the key and the image. The session underneath is that of `dpdeblur deblur`: it pads, cuts into tiles where memory is short, and
checks what the network gives; the result is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from apache_beam.ml.inference.base import ModelHandler

from dpdeblur.models.runtime.session import Model, ModelSpec, load
from dpdeblur.transforms.images.image import Image, describe
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.restore import restore_image
from dpdeblur.transforms.scene_images import PixelSettings
from dpdeblur.transforms.storage.fetch_model import fetch_model

BATCH_MEGAPIXELS = 8


class Views(NamedTuple):
    """The decoded images of one capture, all of one shape and dtype.

    Attributes:
        left, right: the two sub-aperture views, uint8 or uint16 [H, W, 3], or [H, W] of one-channel sensors.
        combined: the ordinary picture of the same exposure; only models that ask for it need it.
    """

    left: Image
    right: Image
    combined: Image | None = None


class DeblurModelHandler(ModelHandler[Views, Image, Model]):
    """Opens a model once per process, and restores `Views`.

    Args:
        model: a name in the package, a file, an address in a store, or a `ModelSpec` for everything else there is to say.
        pixels: how the integers of the views relate to light.
        batch_megapixels: images are handed over in batches of at most so many million pixels, so that memory stays flat
            however large they are. On a CPU, batches make nothing faster: the network sees one image at a time.
    """

    def __init__(
        self,
        model: str | ModelSpec = "dpdeblur-s",
        pixels: PixelSettings | None = None,
        batch_megapixels: float = BATCH_MEGAPIXELS,
    ) -> None:
        limit = int(batch_megapixels * 1e6)
        # Beam makes an empty batch before an element that is larger than a batch may be, and while it finds the best size.
        super().__init__(
            min_batch_size=limit, max_batch_size=limit, element_size_fn=lambda element: min(_pixels(element), limit)
        )
        self._spec = model if isinstance(model, ModelSpec) else ModelSpec(model)
        self._settings = pixels or PixelSettings()

    def load_model(self) -> Model:
        """Return the model, opened at the first call in each process.

        Raises:
            ModelError: it cannot be opened.
        """
        return load(fetch_model(self._spec))

    def run_inference(
        self, batch: Sequence[Views], model: Model, inference_args: dict[str, Any] | None = None
    ) -> Iterator[Image]:
        """Restore each element of a batch, in its order.

        Raises:
            ModelError: the network fails, or gives values that are not finite.
            SceneError: the images of an element do not belong together.
        """
        return (restore_image(_by_role(views), model, self._settings) for views in batch)

    def get_num_bytes(self, batch: Sequence[Views]) -> int:
        """Return the size of a batch in bytes."""
        return sum(image.nbytes for views in batch for image in views if image is not None)

    def get_metrics_namespace(self) -> str:
        """Return the namespace of the counters of `RunInference`."""
        return "dpdeblur"


def _by_role(views: Views) -> dict[str, Image]:
    """Return the images of an element by role, checked."""
    images = {role: image for role, image in views._asdict().items() if image is not None}
    for role, image in images.items():
        if (image.shape, image.dtype) != (views.left.shape, views.left.dtype):
            raise SceneError(f"The {role} image is {describe(image)}, but the left view is {describe(views.left)}.")
    return images


def _pixels(element: Any) -> int:
    """Return the pixels of an element, keyed or not."""
    views = element if isinstance(element, Views) else element[1]
    height, width = views.left.shape[:2]
    return int(height * width)
