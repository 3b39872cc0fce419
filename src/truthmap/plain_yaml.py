"""YAML that holds plain data and nothing else."""

from __future__ import annotations

from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Read plain data; references to itself are refused, a few lines of which can stand for gigabytes.

    Raises:
        yaml.YAMLError: it is no YAML, or not of plain data.
    """
    return yaml.load(text, _Loader)  # noqa: S506 (it is a SafeLoader)


def write_yaml(content: Any) -> str:
    """Return the text that `read_yaml` reads back, its mappings in their own order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse an alias."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("it refers to itself")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the signature is YAML's)
        """Write what comes twice twice."""
        return True
