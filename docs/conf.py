"""Sphinx, for `make docs`: the pages are Markdown, and a broken link is an error."""

from autodiff_compiler import __version__

project = "autodiff_compiler"
copyright = "the autodiff_compiler developers"
release = __version__

extensions = ["myst_parser"]
# Links to headings, `language.md#kinks`, are checked like those to pages.
myst_heading_anchors = 3
exclude_patterns = ["*.py", "__pycache__"]

html_theme = "furo"
html_title = f"autodiff_compiler {__version__}"
# Blocks show programs of the user's and texts of ours; not each of them is a whole program.
highlight_language = "none"
