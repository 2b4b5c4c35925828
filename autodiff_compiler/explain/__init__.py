"""One run of a function explained in numbers: forward, backward, and the chain rule multiplied out.

    from autodiff_compiler.explain.running import run_on_record
    from autodiff_compiler.explain.sections import Options, Sections

    explained = run_on_record(loss, (0.6, -0.3, 1.5, 1.0), {}, argnums=(0, 1))
    document = Sections(explained, Options(alpha=0.1)).document("neuron.py")

`record` runs the graph and keeps every value; `adjoints` goes back over the record with the ops' own
rules; `running` holds the outcome to the compiled kernel, and shows nothing that differs. `naming`,
`formulas`, `rules_text` and `chain` make text of it, `sections` a document, which `plain`, `markdown`
and `terminal` set. `script` and `page` make the page to step through.
"""
