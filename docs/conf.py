"""Sphinx: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import sys
from pathlib import Path

import sklearn_topics

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
import inventories  # noqa: E402

project = "sklearn_topics"
author = "The sklearn_topics developers"
copyright = "2026, The sklearn_topics developers"
version = release = sklearn_topics.__version__

# Nothing here needs a network: neither the build nor a reader's browser.
extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "changelog",
    "mathml",
    "measured",
]
intersphinx_mapping = inventories.mapping(
    HERE / "_inventories", HERE / "_build" / "inventories"
)
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build"]

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_topics {release}"
html_theme_options = {
    "logo": {"text": "sklearn_topics"},
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    # No table of contents of the page where there is none, or the pictures need room.
    "secondary_sidebar_items": {
        "index": [],
        "auto_examples/index": [],
        "**": ["page-toc"],
    },
}
html_show_sourcelink = False
#: Pages without sections of their own use the whole width.
ALONE = (
    *("index", "install", "tutorial", "performance"),
    *("faq", "glossary", "changelog", "citing"),
)
html_sidebars = {page: [] for page in ALONE}
html_static_path = ["_static"]
html_css_files = ["code_width.css", "landing.css"]

# The members of a class are listed by _templates/autosummary/class.rst.
numpydoc_show_class_members = False
# "fit" and not "TorchPoissonNMF.fit" in the table of contents of a class.
toc_object_entries_show_parents = "hide"
# The texts name the types of parameters and results, with their shapes.
autodoc_typehints = "none"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "show_signature": False,
    # Not what matplotlib's methods happen to return.
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    # This page would load scripts from elsewhere.
    "write_computation_times": False,
    "within_subsection_order": "gallery_order.position",
    # Programs that start several processes.
    "ignore_pattern": r"__init__\.py|torchrun_fit|dask_fit|two_million_documents",
    # "Examples using" on the pages of the API, and links from the examples to it.
    "doc_module": ("sklearn_topics",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"sklearn_topics": None},
}
