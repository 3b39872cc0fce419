"""States in eight bits a number, read without torch: e4m3 deviations from a cell's mean, with a scale for each row.

A number of eight bits keeps four significant ones. Many dimensions of a hidden state lie far from zero and vary little
from one answer to the next, so what is stored of them is their deviation from the mean of the cell in its shard,
divided by the row's scale; the mean is kept in float32. Nothing of this depends on a label.
"""

from __future__ import annotations

import numpy as np

from truthmap.arrays import AnyArray, Floats32

LARGEST = 448.0
"""The largest number of e4m3: a row's largest deviation takes it."""
SCALE, CENTRE = ".scale", ".centre"
"""What the names of the tensors that go with a site's end with: float32 (L, P, n), 0 for a row without the position,
and float32 (L, P, d)."""

_EXPONENT_BIAS, _MANTISSA_BITS = 7, 3


def decode_float8(codes: AnyArray, scale: Floats32, centre: Floats32) -> Floats32:
    """Return states as float32 (P, n, d): codes uint8 (P, n, d), scale (P, n), centre (P, d).

    Rows whose scale is 0 have no such position: they are zero, as they were before.
    """
    states = _NUMBERS[codes]
    states *= scale[..., None]
    states += centre[:, None, :]
    states[scale == 0] = 0.0
    return states


def _numbers() -> Floats32:
    """Return what each of the 256 codes of e4m3 (OCP 8-bit floating point, 2023) stands for: float32 (256,)."""
    code = np.arange(256)
    sign, exponent, mantissa = code >> 7, (code >> _MANTISSA_BITS) & 15, code & 7
    normal = np.ldexp(1 + mantissa / 8, exponent - _EXPONENT_BIAS)
    size = np.where(exponent > 0, normal, np.ldexp(mantissa / 8, 1 - _EXPONENT_BIAS))
    size[(code & 127) == 127] = np.nan
    return np.where(sign == 1, -size, size).astype(np.float32)


_NUMBERS = _numbers()
