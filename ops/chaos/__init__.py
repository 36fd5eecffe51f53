"""Breaking it on purpose: real clients against real processes that are killed, and a checker who believes nobody.

`rescue chaos` begins in `run`. An `installation` is what is broken, `faults` how, `people` are the clients, each of whom
writes into the `diary` what they were told; afterwards `checker` lays the diary beside the database.
"""
