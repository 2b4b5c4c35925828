"""Kernels found again in a later process without reading the function anew.

`world` describes all that a trace could look at, `plans` writes a plan down as plain data, and
`store` keeps it in the cache on disk.
"""
