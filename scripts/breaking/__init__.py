"""Ways to break a pair of prototxt and weights, one thing at a time."""
