"""Runs exported C as a process of its own: numbers go in by one file and come back by another."""

import functools
import re
import shutil
import subprocess

import numpy as np
import pytest

from autodiff_compiler.ir.types import NUMPY_DTYPE

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wvla"]
SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
GCC, CLANG = shutil.which("gcc"), shutil.which("clang")
needs_gcc = pytest.mark.skipif(GCC is None, reason="gcc is not there")
needs_clang = pytest.mark.skipif(CLANG is None, reason="clang is not there")
C_TYPE = {
    "f64": "double",
    "f32": "float",
    "i64": "long long",
    "i32": "int",
    "bool": "unsigned char",
}

RESIZE = """
static long live, left = LIMIT;
static void *resize(void *context, void *block, size_t bytes)
{
  (void)context;
  if (!bytes) { live--; free(block); return NULL; }
  if (!left) return NULL;
  left--;
  if (!block) live++;
  return realloc(block, bytes);
}
"""


def driver(done, header, short_by=0, allocations=-1):
    """A `main` that reads all arguments from the file argv[1] and writes the results to argv[2].

    `short_by`: bytes that the workspace lacks; `allocations`: how many the allocator grants.
    """
    io, name = done.interface, f"{done.name}_grad"
    lines, free = [], []
    for n in io.sizes:
        lines.append(f"long long {n}; get(&{n}, sizeof {n}, in);")
    for leaf in (*io.inputs, *io.outputs):
        kind, given = C_TYPE[leaf.dtype], leaf in io.inputs
        if leaf.dims is None:
            kind = "int" if leaf.dtype == "bool" else kind
            lines.append(f"{kind} {leaf.name} = 0;")
            if given:
                lines.append(f"get(&{leaf.name}, sizeof {leaf.name}, in);")
            continue
        count = "(size_t)(" + " * ".join(map(str, leaf.dims or (1,))) + ")"
        lines.append(
            f"{kind} *{leaf.name} = malloc({count} * sizeof *{leaf.name} + ({count} == 0));"
        )
        free.append(leaf.name)
        if given:
            lines.append(f"get({leaf.name}, {count} * sizeof *{leaf.name}, in);")
    arguments = [*io.sizes, *(x.name for x in io.inputs)]
    arguments += [x.name if x.is_array else f"&{x.name}" for x in io.outputs]
    signature = re.search(rf"int {name}\((.*?)\);", header, re.S)[1]
    if "workspace_bytes" in signature:
        sizes = re.search(rf"size_t {name}_workspace\((.*?)\);", header, re.S)[1]
        wanted = [] if sizes == "void" else [p.split()[-1] for p in sizes.split(",")]
        lines.append(f"size_t bytes = {name}_workspace({', '.join(wanted)}) - {short_by};")
        lines.append("void *workspace = malloc(bytes);")
        arguments += ["workspace", "bytes"]
        free.append("workspace")
    if "_memory *" in signature:
        lines.append(f"{done.name}_memory memory = {{resize, NULL}};")
        arguments.append("&memory")
    lines.append(f"int code = {name}({', '.join(arguments)});")
    lines.append(f'if (code) fprintf(stderr, "%d %s", code, {done.name}_message(code));')
    for leaf in io.outputs:
        count = "(size_t)(" + " * ".join(map(str, leaf.dims or (1,))) + ")"
        put = f"fwrite({leaf.name}, sizeof *{leaf.name}, {count}, out)"
        lines.append(f"{put};" if leaf.is_array else put.replace(f"({leaf.name}", f"(&{leaf.name}").replace(f"*{leaf.name}", leaf.name) + ";")  # fmt: skip
    lines += [f"free({x});" for x in free]
    lines.append("fclose(in); fclose(out);")
    resize = RESIZE.replace("LIMIT", str(allocations)) if "_memory *" in signature else ""
    lines.append(
        "return live ? 99 : code > 0 ? 1 : -code;" if resize else "return code > 0 ? 1 : -code;"
    )
    body = "\n  ".join(lines)
    return f"""
#include <stdio.h>
#include <stdlib.h>
#include "{done.name}.h"
{resize}
static void get(void *to, size_t bytes, FILE *in) {{
  if (fread(to, 1, bytes, in) != bytes) exit(98);
}}
int main(int argc, char **argv)
{{
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  if (argc != 3 || !in || !out) return 97;
  {body}
}}
"""


class Program:
    """An exported function with a driver, compiled. `run(leaves)` gives (exit code, stderr, results)."""

    def __init__(self, done, compiler, flags, **limits):
        self.done = done
        folder = done.paths[0].parent
        header = (folder / f"{done.name}.h").read_text()
        self.folder = folder
        (folder / "driver.c").write_text(driver(done, header, **limits))
        source, self.binary = str(folder / f"{done.name}.c"), str(folder / "program")
        compiled([compiler, *STRICT, "-fsyntax-only", str(folder / "main.c")])
        command = [compiler, *STRICT, *flags, str(folder / "driver.c"), source, "-lm"]
        compiled([*command, "-o", self.binary])

    def run(self, leaves, **sizes):
        io = self.done.interface
        arrays = [
            np.asarray(v, NUMPY_DTYPE[x.dtype]) for x, v in zip(io.inputs, leaves, strict=True)
        ]
        known = dict(sizes)
        for leaf, a in zip(io.inputs, arrays):
            for n, m in zip(leaf.dims or (), a.shape, strict=True):
                assert known.setdefault(n, m) == m or n in sizes
        data = b"".join(np.int64(known[n]).tobytes() for n in io.sizes)
        for leaf, a in zip(io.inputs, arrays):
            wide = np.int32 if leaf.dtype == "bool" and not leaf.is_array else a.dtype
            data += a.astype(wide).tobytes()
        given, made = self.folder / "given", self.folder / "made"
        given.write_bytes(data)
        done = subprocess.run(
            [self.binary, given, made], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stderr, functools.partial(self._results, made, known)

    def _results(self, path, known):
        data, out = path.read_bytes(), []
        for leaf in self.done.interface.outputs:
            shape = [known.get(n, n) for n in leaf.dims or ()]
            dtype = NUMPY_DTYPE[leaf.dtype]
            count = int(np.prod(shape))
            out.append(np.frombuffer(data, dtype, count).reshape(shape))
            data = data[count * dtype.itemsize :]
        assert not data
        return out


def compiled(command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
