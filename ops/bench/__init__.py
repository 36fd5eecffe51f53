"""Benchmarks: each runs the reference beside ours, in turns, and says the ratio. Begin at `cli`."""
