"""What can be asked: a package in a browser, a Hugging Face folder, an endpoint, a file of answers."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...manifest import MANIFEST_NAME
from .base import Request, Target


def open_target(
    where: str,
    *,
    cache: Path,
    model: str | None = None,
    api_key_env: str | None = None,
    library: str = "software",
    engine: str = "web-llm",
    name: str | None = None,
    concurrency: int = 4,
) -> Target:
    """The target at ``where``: a folder, a ``.jsonl`` file, or the address of an endpoint up to and including ``/v1``.

    Args:
        cache: folder for what an endpoint was paid for.
        model: which model of an endpoint.
        api_key_env: environment variable with an endpoint's key.
        library: which library of a package, for the engine web-llm.
        engine: what runs a package: ``web-llm``, or ``wllama`` on the processor.
        name: what reports call the target.

    Raises:
        InputError: nothing there can answer.
    """
    # Each kind needs libraries that the others do not.
    if where.startswith(("http://", "https://")):
        from .endpoint import EndpointTarget

        if model is None:
            raise InputError(f"{where}: an endpoint needs --model, the name under which it serves the model")
        return EndpointTarget(where, model, cache, api_key_env=api_key_env, name=name, concurrency=concurrency)
    path = Path(where)
    if path.is_file():
        from .answers import AnswersTarget

        return AnswersTarget(path, name)
    if (path / MANIFEST_NAME).is_file():
        from .package import PackageTarget

        return PackageTarget(path, library, name, engine)
    if (path / "config.json").is_file():
        from .huggingface import HuggingFaceTarget

        return HuggingFaceTarget(path, name)
    raise InputError(
        f"{where}: nothing here can answer. A target is a package folder (with {MANIFEST_NAME}), a Hugging Face folder "
        "(with config.json), a .jsonl file of answers, or the address of an OpenAI-compatible endpoint ending in /v1"
    )


__all__ = ["Request", "Target", "open_target"]
