"""Where the stand-in computes."""

from __future__ import annotations


class Platform:
    def is_cpu(self) -> bool:
        return True


current_platform = Platform()
