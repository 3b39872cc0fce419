"""How Sphinx builds the site: `make docs`. Warnings are errors, nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import site_pages  # stands in scripts/
from sphinx.application import Sphinx

from truthmap._version import __version__

project = "truthmap"
author = "the authors of truthmap"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

default_role = "code"  # docstrings put names between single backticks
suppress_warnings = ["ref.python"]  # a name in a type that several classes have an attribute of
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Texts": "truthmap.runs.cell_states.Texts"}
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "truthmap"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app: Sphinx) -> None:
    """Write the pages that are made from the code before Sphinx looks for pages."""
    site_pages.write_pages(Path(__file__).parent)
    app.connect("autodoc-skip-member", _is_of_scikit_learn)


def _is_of_scikit_learn(_app: Sphinx, _kind: str, name: str, _member: object, skip: bool, _options: object) -> bool:
    """Leave out what scikit-learn writes into its estimators; its own documentation has it."""
    return skip or (name.startswith("set_") and name.endswith("_request"))
