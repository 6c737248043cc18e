"""The options of a kernel tree, and their values.

expression     conditions and dependencies, as formulas
model          all options and choices of a tree, for one architecture
values_table   the value of each in one configuration
fits           whether a value suits an option, and whether an option has it
redundant      whether requests change nothing
dotconfig      the text of a `.config`, read and written
missing        names that the tree does not have; `renames` knows what became of them
search         options by a pattern
"""
