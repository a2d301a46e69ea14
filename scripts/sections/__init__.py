"""Sections of docs/results.md, one a file."""
