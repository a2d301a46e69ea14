"""Reports as pages: one HTML file each, which needs no script and nothing beside it."""
