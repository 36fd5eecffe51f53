"""How much one sender may ask, so that one heavy client does not slow the others (I15).

Begin at `limiter.Limiter`: so many a minute, counted over all processes through Redis (`shared`) and by each process alone
while Redis is away (`buckets`). `turns` is how many requests of one sender a process works on at once. Who asks these
questions, and of which request, is in `backend.gate`; how much is allowed is the city's policy, `[limits]`.
"""
