"""Build again what is built already, and compare."""
