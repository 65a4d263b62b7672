"""A Hugging Face model from its config alone: the class by name, or a config.json; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from isogain.checking import nearest
from isogain.errors import InspectError
from isogain.extras import missing

__all__ = ["batch_for", "factory"]

AUTO = (
    "AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForMaskedLM",
    "AutoModelForImageClassification", "AutoModelForAudioClassification", "AutoModel",
)  # fmt: skip
"""What a config without `architectures` is made into: the first that takes it."""
BATCH, LENGTH = 8, 64


def factory(target: str) -> Callable[..., Any]:
    """What makes the model of 'hf:GPT2Config', 'hf:GPT2Model' or 'config.json', of the config's settings."""
    path = target.removeprefix("hf:")
    return partial(_of_file, Path(path)) if path.endswith(".json") else partial(_of_class, path)


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise missing("transformers", "a Hugging Face config") from error
    return transformers


def _of_class(name: str, **settings: Any) -> Any:
    library = _library()
    found = getattr(library, name, None)
    if found is None:
        known = [one for one in dir(library) if one.endswith("Config")]
        raise InspectError(
            f"transformers has no {name!r}; {nearest(name, known, 3) or 'as in hf:GPT2Config'}"
        )
    own = getattr(found, "config_class", None)
    if own is not None:
        return found(own(**settings))
    return _model(library, found(**settings))


def _of_file(path: Path, **settings: Any) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InspectError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InspectError(f"{path} is not JSON: {error}") from error
    library = _library()
    kind = content.get("model_type") if isinstance(content, dict) else None
    if kind not in library.CONFIG_MAPPING:
        raise InspectError(f"{path} is no config of transformers: its model_type is {kind!r}")
    return _model(library, library.CONFIG_MAPPING[kind].from_dict({**content, **settings}))


def _model(library: Any, config: Any) -> Any:
    """The model of a config: by the architecture it names, or the first task that takes it."""
    for name in config.architectures or ():
        if hasattr(library, name):
            return getattr(library, name)(config)
    for auto in AUTO:
        if type(config) in getattr(library, auto)._model_mapping:
            return getattr(library, auto).from_config(config)
    raise InspectError(f"no model of transformers is made of a {type(config).__name__} alone")


def batch_for(model: Any, seed: int) -> Any:
    """A batch for a model whose config says what it takes: ids and labels, or pixels; None for others."""
    import torch

    config: Any = getattr(model, "config", None)
    generator = torch.Generator().manual_seed(seed)
    if getattr(config, "vocab_size", None) and getattr(model, "main_input_name", "") == "input_ids":
        length = min(LENGTH, int(getattr(config, "max_position_embeddings", None) or LENGTH))
        ids = torch.randint(config.vocab_size, (BATCH, length), generator=generator)
        learns = type(model).__name__.endswith(("LMHeadModel", "ForCausalLM", "ForConditionalGeneration"))
        return {"input_ids": ids, **({"labels": ids} if learns else {})}
    size = getattr(config, "image_size", None)
    if getattr(model, "main_input_name", "") == "pixel_values":
        sides = tuple(size) if isinstance(size, (tuple, list)) else (size or 224,) * 2
        return {"pixel_values": torch.randn(BATCH, config.num_channels, *sides, generator=generator)}
    return None
