"""Where things are and how long it takes to get there.

`place` is the vocabulary (a `LonLat`, coordinate systems, what is accepted as a position), `cells` the H3 grid, `regions` the
administrative map, `roads` the road graph of a city (built by `build` out of an OpenStreetMap extract), `nearest` and `circle` the two
questions asked of it: which team is soonest there, and where can a team be in time. Begin at `place`, then `roads`.
Nothing here knows a database, a clock or the web framework.
"""
