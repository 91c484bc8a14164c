"""Makes the synthetic data of `zava seed`: catalogue, model, generator, and what it plants."""

from __future__ import annotations
