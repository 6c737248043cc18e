"""Output: messages on stderr, tables and descriptions on stdout, all of it safe for a terminal."""
