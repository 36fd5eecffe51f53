"""The services of a checkout: a private PostgreSQL with PostGIS and a private Valkey, without installing anything.

Begin at `services.running`, which starts both under a folder and stops them afterwards. `postgres` and `valkey` know
their server each; `owner` tells whether the process that started them still lives; `commands` runs programs;
`demo_clock` keeps the demonstration's time; `cli` is `rescue db`; `setup.sh` makes a checkout ready.

Both listen on unix sockets only, in a fresh folder of mode 0700 under the system's temporary folder: no port can be
taken, nothing is reachable from another machine or by another user, and no password is needed.
"""
