"""The documentation site: `make docs`."""

import infoplane

project = "infoplane"
author = "the infoplane developers"
release = version = infoplane.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.xref_missing"
]  # links into the repository (CHANGELOG, tests) are read on the code host
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 3,
}
html_sidebars: dict[str, list[str]] = {
    "**": []
}  # pages are flat: an empty column would stand there
html_title = f"infoplane {release}"
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_google_docstring = True
