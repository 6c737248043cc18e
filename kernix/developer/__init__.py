"""Sessions of `kernix develop`, and the patches made of what was changed in them."""
