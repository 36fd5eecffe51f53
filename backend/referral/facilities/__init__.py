"""Houses: whom they take, when they are open, where there is a place, and the nearest that will take somebody now. Begin at `facility`."""
