"""A day replayed: simulated people who act only through the public HTTP API, in virtual time or on a running server.

Begin at `crowd.Crowd`, who is there and when each of them acts next. `virtual` runs a day as fast as the machine can,
`live` runs it against a server at the speed of its clock. `street` is what is really there; nobody else knows it.
"""
