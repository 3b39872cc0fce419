"""A loaded model: its prompt format, its blocks, its hooks."""

import warnings

import lazy_loader

# What loads a model warns in a notebook that has no widgets; bars of ours need none.
warnings.filterwarnings("ignore", message="IProgress not found")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
