"""The documentation site: `make docs`."""

import sys
from pathlib import Path

import infoplane

sys.path.insert(0, str(Path(__file__).parent))

project = "infoplane"
author = "the infoplane developers"
release = version = infoplane.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "command_pages",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks carry their pictures
suppress_warnings = [
    "myst.xref_missing",  # links into the repository (CHANGELOG, tests) are read on the code host
    "mystnb.unknown_mime_type",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"infoplane {release}"
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_google_docstring = True
