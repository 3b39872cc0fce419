"""What the environment says to the libraries of the tests; imported before any of them is.

The sums of the tests are so small that threads only wait for each other, and one thread gives the same numbers in every
process.
"""

from __future__ import annotations

import os
import sys

assert not {"numpy", "torch"} & sys.modules.keys(), "they have read the environment already"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that reaches for the hub must fail at once, not hang
