"""The control room's side of the programme, and running it: console interface, command line, services, benchmarks."""
