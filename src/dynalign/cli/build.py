"""Make what a config node describes."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dynalign.errors import DynalignError


def build(node: Any, **arguments: Any) -> Any:
    """Instantiate a node; an input that its target refuses is refused with the target's own sentence."""
    try:
        return instantiate(node, **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, DynalignError):
            raise error.__cause__ from None
        raise


def plain(node: DictConfig) -> dict[str, Any]:
    """Return a node as a plain dictionary, with all its references resolved."""
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}
