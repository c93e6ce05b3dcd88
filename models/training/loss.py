"""The training loss, and nothing else."""

import torch
from torch import Tensor


def restoration_loss(out: Tensor, sharp: Tensor) -> Tensor:
    """Return Charbonnier (ε = 1e-3) + 0.05·|FFT difference| + 0.05·|gradient difference| of [N, 3, H, W].

    The Fourier term (mean magnitude, orthonormal transform) keeps faint fine texture from being averaged away, the
    gradient term keeps strokes whole; either at larger weight costs PSNR.
    """
    error = out - sharp
    charbonnier = torch.sqrt(error * error + 1e-6).mean()
    spectrum = torch.view_as_real(torch.fft.rfft2(error, norm="ortho")).abs().mean()
    gradient = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return charbonnier + 0.05 * spectrum + 0.05 * gradient
