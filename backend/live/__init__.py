"""Screens that follow the log as it grows: the hub, the feed's protocol, positions, and the nudge between processes.

Begin at `feed.serve`, one socket from ticket to close. `hub` reads the log once per process and hands out;
`visibility` says who may see an event, for sockets and for HTTP alike; `nudge` and `wire` make it quick over Redis
and go on without. The protocol is told in docs/live-feed.md.
"""
