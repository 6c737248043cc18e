"""Kconfig: what options are asked for, and what came of it."""
