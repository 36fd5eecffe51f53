"""Telling the world outside: an outbox written with the change itself, and a worker that sends from it.

Begin at `outbox.enqueue`, which verbs call inside their transaction, and `deliver.keep_delivering`, which the worker
runs. Why a table of our own and no queue package: docs/decisions/0401-outbox.md.
"""
