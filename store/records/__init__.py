"""What is known about objects, apart from their bytes.

database      SQLite: objects, references, realisations; `connection` and `schema` below it
journal       every registration as a line of text, from which the database can be made again
glance        one question to a database that is not opened
packed_ids    an object's references as one value
read_only     a database in a place where SQLite cannot write
"""
