"""What a kernel tree offers: its options, and the values that they have.

expression     what options depend on, as formulas
model          all options and choices of a tree, for one architecture
values_table   what each is in one configuration
fits           whether a value suits an option, and whether an option has it
dotconfig      the text of a `.config`, read and written
missing        names that the tree does not have; `renames` says what became of them
search         options by a pattern
"""
