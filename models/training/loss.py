"""The training loss."""

from torch import Tensor


def restoration_loss(
    out: Tensor, sharp: Tensor, before: Tensor, firmness: float = 0.3, floor: Tensor | float = 0.008
) -> Tensor:
    """Return the error of `out` against `sharp`, each crop relative to that of doing nothing (`before`), all [N, 3, H, W].

    With e the error and m^2 = mean (before - sharp)^2 + floor^2 of a crop: mean e^2 / m^2 + firmness x mean |e| / m.
    Relative, since what is judged is the gain in dB: a small change of a sharp crop weighs as much as a large one of a
    blurred crop. Squared, since sharp references may be displaced: an L1 loss asks for the median of the possible
    pictures, a firm edge in one place, a squared one for their mean, which is nearer to any one of them. Some L1 keeps
    what is in focus within a blurred crop.
    """
    error = out - sharp
    usual = ((before - sharp).square().mean((1, 2, 3)) + floor**2).sqrt()
    relative = error.square().mean((1, 2, 3)) / usual.square() + firmness * error.abs().mean((1, 2, 3)) / usual
    return relative.mean()
