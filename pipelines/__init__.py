"""The sub-commands of `dpdeblur`, one file each: a complete Beam graph or report step that fits on a screen."""
