"""Somebody at a station: coming, the deadlines while they are there, leaving. Begin at `stays`; the desk reads `desk`."""
