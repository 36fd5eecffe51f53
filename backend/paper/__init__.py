"""What is printed: documents with Chinese text as PDF. Begin at `typeset`; how a page looks: `frame.typ`."""
