"""TVM's runtime as WebAssembly objects, built once per machine, and the linking of model libraries against it.

The way through: the apache-tvm and apache-tvm-ffi wheels carry the runtime's C++ sources; ``native/`` adds the few
headers they lack and the glue to web-llm's JavaScript; zig compiles all that into a cache folder named after the
content of every input (``runtime_objects``). A model library is then one ``link``, checked for imports that web-llm
does not offer.
"""

from .build import ToolchainError, cache_directory, runtime_objects
from .link import OFFERED_IMPORTS, LinkError, check_imports, link
from .notice import notice

__all__ = [
    "OFFERED_IMPORTS",
    "LinkError",
    "ToolchainError",
    "cache_directory",
    "check_imports",
    "link",
    "notice",
    "runtime_objects",
]
