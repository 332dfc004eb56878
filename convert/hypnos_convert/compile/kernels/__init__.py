"""The GPU kernels of a model library, as TIR."""
