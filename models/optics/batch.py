"""Rendering many scenes at once, on a GPU or a CPU: what `render_views` does, for a batch of lenses.

`render_views` renders one scene through one lens; launched kernel by kernel that leaves a GPU idle. Here every (layer, blur
level) of up to some dozens of scenes is one row of a batch: kernels for all rows are evaluated together, transformed together,
and added up layer by layer. Needs torch (extra `train`).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dpdeblur.models.optics.packed import PUPIL, REACH, unpacked

STEP = 1.5
"""Spacing of the blur levels in pixels of radius, as in `render_views`."""


def kernels(radius: Tensor, pupil: Tensor, waves: Tensor) -> Tensor:
    """Return kernels [M, 2, n, n], n = 2·REACH + 1, for radii [M] and pupils [M, 2, len(PUPIL)], waves [M, 2, W, 4].

    The formulas are those of `models.optics.psf`.
    """
    p = {name: pupil[:, :, i, None, None] for i, name in enumerate(PUPIL)}
    axis = torch.arange(-REACH, REACH + 1, device=radius.device, dtype=torch.float32)
    rho = radius[:, None, None, None]
    x, y = axis - p["decentre_x"] * rho, axis[:, None] - p["decentre_y"] * rho
    sign = torch.where(rho < 0, -1.0, 1.0)
    r = (rho.abs() * p["radius_scale"]).clamp_min(0.3)
    d = (x * x + (p["aspect"] * y) ** 2).sqrt()
    px, py = sign * x / r, sign * y / r
    soft = 1 + p["edge"] * r
    k = ((r + soft / 2 - d) / soft).clamp(0, 1) * (1 + p["rim"] * (d / r).clamp(0, 1) ** 2)
    high = 1 - 1 / (1 + (d / (p["hollow_cutoff"] * r)) ** (2 * p["hollow_order"]))
    floor = 1 - (1 - p["hollow_floor"]) * ((r - 1) / 3).clamp(0, 1)
    k = k * (floor + (1 - floor) * high)
    cat = ((x - sign * r * p["cat_x"]) ** 2 + (y - sign * r * p["cat_y"]) ** 2).sqrt()
    k = k * ((p["cat_radius"] * r + soft / 2 - cat) / soft).clamp(0, 1)
    texture = torch.ones_like(k)
    for w in range(waves.shape[2]):
        amplitude, fx, fy, phase = (waves[:, :, w, i, None, None] for i in range(4))
        texture = texture + amplitude * torch.cos(2 * np.pi * (fx * px + fy * py) + phase)
    k = k * (1 + (texture.clamp_min(0.05) - 1) * ((r - 1) / 2).clamp(0, 1))
    share = (0.5 + 0.5 * p["slope"] * px).clamp(0, 1) * (1 - p["leak"]) + p["leak"] / 2
    k = torch.stack([k[:, 0] * share[:, 0], k[:, 1] * (1 - share[:, 1])], 1)
    return k / k.sum((-2, -1), keepdim=True)


def mirror(length: int, before: int, total: int, device: Any) -> Tensor:
    """Return indices that reflect `length` samples out to `total`, the first at `before`."""
    index = np.arange(-before, total - before) % (2 * length)
    return torch.from_numpy(np.where(index < length, index, 2 * length - 1 - index)).to(device)


def blurred(image: Tensor, alpha: Tensor, radius: Tensor, owner: np.ndarray, numbers: dict[str, Any], span: np.ndarray) -> Any:
    """Return blurred premultiplied colour [L, 2, C, H, W] and coverage [L, 2, 1, H, W] of the layers [L, …].

    `owner` says which scene each layer belongs to, `span` [L, 2] between which radii it is; `numbers` as tensors by field.
    """
    device, (height, width) = image.device, image.shape[-2:]
    size = (height + 2 * REACH, width + 2 * REACH)
    low, high = span[:, 0], span[:, 1]
    levels = np.where(high - low > 0.25, 1 + np.ceil((high - low) / STEP), 1).astype(int)
    order = np.argsort(-levels, kind="stable")
    back = torch.from_numpy(np.argsort(order)).to(device)
    low, high, levels = low[order], high[order], levels[order]
    where = torch.from_numpy(order).to(device)
    rows, columns = (mirror(n, REACH, total, device) for n, total in zip((height, width), size, strict=True))
    stack = torch.cat([image * alpha, alpha], 1)[where][:, :, rows][:, :, :, columns]
    depth = radius[where][:, :, rows][:, :, :, columns]
    # Row (k, layer): how many layers have a level k; rounded up, so that few different batch sizes occur.
    most = len(levels)
    counts = [min(-(-int((levels > k).sum()) // 8) * 8, most) for k in range(int(levels.max()))]
    at, step, valid, layer = [], [], [], []
    for k, count in enumerate(counts):
        spacing = (high[:count] - low[:count]) / np.maximum(levels[:count] - 1, 1)
        single = levels[:count] == 1
        at.append(np.where(single, (low[:count] + high[:count]) / 2, low[:count] + k * spacing))
        step.append(np.where(single, 1e6, np.maximum(spacing, 1e-3)))
        valid.append(levels[:count] > k)
        layer.append(order[:count])
    table = np.stack([np.concatenate(at), np.concatenate(step), np.concatenate(valid)], 1).astype(np.float32)
    radii, spacing, used = torch.from_numpy(table).to(device, non_blocking=True).unbind(1)
    scene = torch.from_numpy(owner[np.concatenate(layer)]).to(device, non_blocking=True)
    h = kernels(radii, numbers["pupil"][scene], numbers["waves"][scene])
    spectrum = None
    done = 0
    for count in counts:
        row = slice(done, done + count)
        done += count
        tent = (1 - (depth[:count] - radii[row, None, None, None]).abs() / spacing[row, None, None, None]).clamp(0, 1)
        tent = tent * used[row, None, None, None]
        part = torch.fft.rfft2(h[row], size)[:, :, None] * torch.fft.rfft2(stack[:count] * tent)[:, None]
        if spectrum is None:
            spectrum = part
        else:
            spectrum[:count] += part
    shift = numbers["shift"][torch.from_numpy(owner[order]).to(device)]  # [L, 2, 2]: x, y
    across = 2 * np.pi * torch.fft.rfftfreq(size[1], device=device) * (shift[..., :1] - REACH)
    down = 2 * np.pi * torch.fft.fftfreq(size[0], device=device) * (shift[..., 1:] - REACH)
    turn = -(down[..., :, None] + across[..., None, :])
    spectrum = spectrum * torch.polar(torch.ones_like(turn), turn)[:, :, None]
    out = torch.fft.irfft2(spectrum, size)[..., REACH : REACH + height, REACH : REACH + width][back]
    return out[:, :, :-1], out[:, :, -1:]


def render(images: Tensor, alphas: Tensor, radii: Tensor, numbers: np.ndarray, margin: int) -> tuple[Tensor, Tensor]:
    """Return examples [N, 9, S, S] float16 (left, right, sharp; RGB, gamma-coded) and their detail [N, 2, S / 32, S / 32].

    Detail is that of the left view and of the sharp picture, before noise. Layers of all scenes, scene by scene, back to
    front: images uint8 [L, s, s, 3], alphas uint8 [L, s, s], radii float16 [L, s, s], s = S + 2·margin. `numbers` [N, LENGTH]
    laid out as `packed` says; all of the same number of channels.
    """
    views, sharp = light(images, alphas, radii, numbers, margin)
    return sensed(views, sharp, _on(images.device, numbers))


def light(images: Tensor, alphas: Tensor, radii: Tensor, numbers: np.ndarray, margin: int) -> tuple[Tensor, Tensor]:
    """Return the views [N, 2, C, S, S] and what a pinhole would show [N, C, S, S], in linear light; see `render`."""
    device = images.device
    fields, n = unpacked(numbers), _on(images.device, numbers)
    counts = fields["layers"].astype(int)
    owner = np.repeat(np.arange(len(counts)), counts)
    place = np.concatenate([np.arange(c) for c in counts])
    channels = int(fields["channels"][0])
    mix = torch.from_numpy(fields["mix"][owner, place, :channels]).to(device)
    gain, boost = (n[k][torch.from_numpy(owner).to(device)][:, None, None, None] for k in ("gain", "boost"))
    linear = (images.permute(0, 3, 1, 2).float() / 255).pow(2.2)
    linear = torch.einsum("lchw,ldc->ldhw", linear, mix).contiguous()
    linear = linear * (1 + boost * (linear * 4 - 3).clamp(0, 1)) * gain
    alpha = alphas[:, None].float() / 255
    colour, cover = blurred(linear, alpha, radii[:, None].float(), owner, n, fields["range"][owner, place])
    cut = slice(margin, images.shape[1] - margin)
    colour, cover, linear, alpha = (t[..., cut, cut] for t in (colour, cover, linear, alpha))
    first = torch.from_numpy(np.flatnonzero(place == 0)).to(device)
    views = colour[first] / cover[first].clamp_min(1e-3)
    sharp = linear[first]
    for k in range(1, int(place.max()) + 1):
        rows = np.flatnonzero(place == k)
        layer, scene = torch.from_numpy(rows).to(device), torch.from_numpy(owner[rows]).to(device)
        over = cover[layer].clamp_min(1)
        views[scene] = views[scene] * (1 - (cover[layer] / over).clamp(0, 1)) + colour[layer] / over
        sharp[scene] = sharp[scene] * (1 - alpha[layer]) + linear[layer] * alpha[layer]
    return views.clamp_min(0), sharp


def _on(device: torch.device, numbers: np.ndarray) -> dict[str, Tensor]:
    """Return the numbers by field, on the device."""
    fields = unpacked(numbers)
    return {k: torch.from_numpy(np.ascontiguousarray(v)).to(device, non_blocking=True) for k, v in fields.items()}


def sensed(views: Tensor, sharp: Tensor, n: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return what the sensor makes of views [N, 2, C, S, S] and sharp [N, C, S, S], and where there is detail; see `render`."""

    def each(name: str, tensor: Tensor) -> Tensor:
        return n[name].reshape(-1, *[1] * (tensor.dim() - 1))

    noise = torch.randn_like(views)
    for i, axis in enumerate((-2, -1)):
        softer = (noise.roll(1, axis) + 2 * noise + noise.roll(-1, axis)) / 6**0.5
        noise = torch.where(n["correlated"][:, i, None, None, None, None] > 0, softer, noise)
    curve = each("curve", sharp)
    kept = torch.stack([detail(encoded(views[:, 0], curve)), detail(encoded(sharp, curve))], 1)
    views = views + noise * (each("shot", views) * views + each("read", views)).sqrt()
    balance = each("balance", sharp)
    views = torch.stack([views[:, 0] * balance, views[:, 1] / balance], 1)
    planes = torch.cat([views, sharp[:, None]], 1)
    coded = encoded(planes, each("curve", planes))
    coded = torch.where(each("eight_bits", coded) > 0, (coded * 255).round() / 255, coded)
    return coded.expand(-1, -1, 3, -1, -1).flatten(1, 2).half(), kept


def encoded(linear: Tensor, plain: Tensor) -> Tensor:
    """Return gamma-coded values: x^(1/2.2) where `plain`, else the sRGB curve."""
    x = linear.clamp(0, 1)
    srgb = torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x.clamp_min(1e-6).pow(1 / 2.4) - 0.055)
    return torch.where(plain > 0, x.pow(1 / 2.2), srgb)


def detail(coded: Tensor) -> Tensor:
    """Return the mean horizontal difference of [N, C, S, S] in cells of 32 x 32."""
    steps = functional.pad((coded[..., 1:] - coded[..., :-1]).abs().mean(1, keepdim=True), (0, 1))
    return functional.avg_pool2d(steps, 32)[:, 0]
