"""The bundled requirement sets, each in a module of its name: `SET`, or `SETS` if a source has several grades.

The facts are those of the sources that each names; reasons are in our own words, versions from the kernel's history.
"""
