"""Benchmarks: common.py runs and reports, floors/ is what zava is held against, a module with `measure` is an area."""

from __future__ import annotations
