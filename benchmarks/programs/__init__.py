"""The programs that are measured, one a module: `PROGRAM` is the record of all its forms."""
