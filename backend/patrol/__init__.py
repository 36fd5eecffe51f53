"""The patrol: teams and their shifts, who is on duty, and where they are."""
