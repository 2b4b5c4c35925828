"""The intermediate representation. Read in this order: types, op, graph, build, check, interpret, show."""
