"""Model definitions: one per family, sharing the decoder's layers."""

from .decoder import Decoder
from .families import Llama, Mistral, Qwen2, Qwen3, model_for

__all__ = ["Decoder", "Llama", "Mistral", "Qwen2", "Qwen3", "model_for"]
