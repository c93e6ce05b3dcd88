"""One file per sub-command of `dpdeblur`, each a whole Beam graph or report step that reads on one screen."""
