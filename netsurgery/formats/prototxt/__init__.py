"""Prototxt: a text that is read, edited and written without losing a byte."""
