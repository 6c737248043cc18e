"""Progress of a running build: plain lines, or a live display on a terminal."""
