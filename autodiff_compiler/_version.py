"""The package's version: read by the build and by the key of the on-disk cache."""

__version__ = "0.1.0"
