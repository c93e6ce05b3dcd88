"""Turning two views into a sharp picture: optics, network, training, weights."""
