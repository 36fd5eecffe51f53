"""Into the right hands: the places where people can be taken."""
