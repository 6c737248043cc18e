"""The half that acts: everything here runs programs, fetches, or writes to a store."""
