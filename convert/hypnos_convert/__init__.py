"""From a Hugging Face checkpoint to a model package that Hypnos runs in a browser page.

The data's way through ``python -m hypnos_convert package``: ``checkpoint`` reads config, weights and tokenizer;
``compile`` lists the library's parameters and builds one WebAssembly library per kind of device; ``quantize`` turns
the checkpoint's tensors into those parameters and ``shards`` writes them; ``chat_template`` and ``chat_config`` write
what web-llm must know to hold a conversation; ``manifest`` seals the folder, which ``staging`` then moves into place.
"""

__version__ = "0.1.0"
