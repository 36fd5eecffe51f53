"""Who is asking, and what they may do: actors, permissions on objects, sign-in, sessions, keys, socket tickets."""
