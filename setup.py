"""Only what pyproject.toml cannot say: where the prototxt templates go.

``prototxt_templates/`` stands at the top of the checkout, where people look for it, and ships
inside the package, where installed code finds it.
"""

from setuptools import find_packages, setup

TEMPLATES = "netsurgery.prototxt_templates"

setup(
    packages=[*find_packages(include=["netsurgery*"]), TEMPLATES],
    package_dir={TEMPLATES: "prototxt_templates"},
)
