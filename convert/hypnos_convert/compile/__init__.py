"""From a model's configuration to a WebAssembly library that @mlc-ai/web-llm runs, with three pip packages.

The way through: ``config`` reads the checkpoint's config.json; ``parameters`` says which tensors, in which shapes, the
library expects; ``models`` lays out the forward pass over the fused kernels of ``kernels``, chosen per device by
``targets``; ``library`` lowers it with TVM and links it against the runtime that ``runtime`` builds once with zig.
"""

from .config import ModelConfig, UnsupportedModelError, Window
from .library import LibraryReport, Requirements, compile_library, shader_sources
from .parameters import QUANTIZATIONS, Encoding, ParameterSpec, Source, parameters, unquantized_count
from .runtime import LinkError, ToolchainError, notice
from .targets import TARGETS

__all__ = [
    "QUANTIZATIONS",
    "TARGETS",
    "Encoding",
    "LibraryReport",
    "LinkError",
    "ModelConfig",
    "ParameterSpec",
    "Requirements",
    "Source",
    "ToolchainError",
    "UnsupportedModelError",
    "Window",
    "compile_library",
    "notice",
    "parameters",
    "shader_sources",
    "unquantized_count",
]
