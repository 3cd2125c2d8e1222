"""Sphinx: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import sklearn_topics

project = "sklearn_topics"
author = "The sklearn_topics developers"
copyright = "2026, The sklearn_topics developers"
version = release = sklearn_topics.__version__

# No intersphinx: the documentation builds without a network.
extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_topics {release}"
# Pages without sections of their own use the whole width.
html_sidebars = {
    page: [] for page in ("index", "install", "tutorial", "performance", "changelog")
}
html_static_path = ["_static"]
html_css_files = ["code_width.css", "landing.css"]

# The members of a class are listed by _templates/autosummary/class.rst.
numpydoc_show_class_members = False
# "fit" and not "TorchPoissonNMF.fit" in the table of contents of a class.
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "show_signature": False,
    # Not what matplotlib's methods happen to return.
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    "within_subsection_order": "ExampleTitleSortKey",
}
