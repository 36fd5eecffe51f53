"""The register of people: who was met, known or not, who may be the same, who belongs together. Begin at `register`."""
