"""Fuzz targets: every reader of files that tacit did not write (see docs/reliability.md)."""
