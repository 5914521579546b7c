"""The four services. None imports another: they speak by events only."""
