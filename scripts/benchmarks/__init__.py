"""Benchmarks: common.py runs and reports, floors/ is what zava is held against, every other module is one area."""

from __future__ import annotations
