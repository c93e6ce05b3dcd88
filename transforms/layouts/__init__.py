"""Find the scenes in a folder listing, for each supported layout."""

from dpdeblur.transforms.layout_names import LAYOUTS
from dpdeblur.transforms.layouts.find import Found, find_in_listing, find_scenes
from dpdeblur.transforms.layouts.ids import check_scene_id

__all__ = ["LAYOUTS", "Found", "check_scene_id", "find_in_listing", "find_scenes"]
