"""Configuration of the documentation; `make docs` builds it."""

import spatialheteroreg

project = "spatialheteroreg"
author = "The spatialheteroreg developers"
copyright = f"2026, {author}"
version = release = spatialheteroreg.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
default_role = "py:obj"

# --- API pages ---------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings state the types
numpydoc_show_class_members = False  # _templates/autosummary/class.rst lists them

# --- gallery -----------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"[\\/]plot_",
    "ignore_pattern": r"(__init__|demo)\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("spatialheteroreg",),
    "reference_url": {"spatialheteroreg": None},
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
}

# --- HTML --------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "spatialheteroreg"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "github_url": "https://github.com/spatialheteroreg/spatialheteroreg",
    "navigation_with_keys": False,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
html_context = {"default_mode": "auto"}
# A page without pages below it needs no navigation on its left.
html_sidebars = {
    "index": [],
    "install": [],
    "tutorial": [],
    "defaults": [],
    "ablations": [],
}
