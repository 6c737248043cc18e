"""The records about objects: everything that the store knows besides their bytes.

database      SQLite: objects, references, realisations; `connection` and `schema` below it
journal       every registration as a line of text, from which the database can be rebuilt
glance        one query to a database without opening the store
packed_ids    an object's references as one value
read_only     reading a database where SQLite cannot write
"""
