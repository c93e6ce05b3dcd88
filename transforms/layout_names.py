"""Names of layouts and picture files, apart from the code that reads them, so that `--help` does not load it."""

from __future__ import annotations

from typing import Literal

Layout = Literal["auto", "folders", "dpdd", "restormer", "ntire", "manifest", "shards"]

PICTURE_EXTENSIONS = ("png", "tif", "tiff", "jpg", "jpeg", "jxl")
"""Of files that are read as pictures."""

LAYOUTS: dict[str, str] = {
    "folders": "<id>/left.png right.png [combined.png] [target.png], or l r c g, at any depth",
    "dpdd": "{train,val,test}_{l,r,c}/source/ and {train,val,test}_c/target/, paired by sorted order",
    "restormer": "inputL/ inputR/ [inputC/] [target/], paired by natural order",
    "ntire": "0001_l.png 0001_r.png [0001_c.png] [0001_g.png], any stem",
    "manifest": "a CSV, JSON lines or Parquet file: id, left, right [combined, target, subset]",
    "shards": "WebDataset tars with <id>.left.png <id>.right.png …, as dpdeblur pack writes them",
}
