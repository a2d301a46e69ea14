"""How Sphinx builds this folder as a site: `scripts/docs`."""

from netsurgery.version import __version__

project = "netsurgery"
author = "the netsurgery authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

# Quotes stay as they are typed. A name in single backticks of a docstring is code.
smartquotes_action = "D"
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
# One place for each attribute, which a dataclass lists too.
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"netsurgery {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
