"""What phones call: reports of the public and of drivers and grid workers, an officer's task, positions, sign-in, the feed."""
