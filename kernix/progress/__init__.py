"""What a build shows while it runs: plain lines, or a live display on a terminal."""
