"""Benchmarks: common.py runs and reports, every other module is one area with `add_arguments` and `measure`."""

from __future__ import annotations
