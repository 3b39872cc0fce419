"""An OpenAI-compatible endpoint as engine: how it is set and started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from truthmap.answers.engines.base import EngineHost, EngineSettings
from truthmap.endpoint import Endpoint, checked_url
from truthmap.errors import UsageError
from truthmap.settings_base import Option, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from truthmap.answers.engines.openai_engine import EndpointEngine

KEY_VARIABLE = "TRUTHMAP_ENGINE_KEY"
"""Environment variable with the key of the endpoint that answers; a judge, who may be elsewhere, has one of his own."""


class OpenAISettings(EngineSettings):
    """The studied model behind an endpoint that speaks as OpenAI's does."""

    kind: Literal["openai"] = "openai"
    closes_thoughts: ClassVar[bool] = False

    model: Annotated[str, Option("endpoint_model")] = Field(
        min_length=1, description="For engine openai: the model's name there"
    )
    # A folder from somebody else must not tell where prompts and the key are sent: the address is never kept.
    url: Annotated[str | None, Option("endpoint"), Resource()] = Field(
        None,
        description=f"For engine openai: where its API begins, http(s)://host/v1; its key comes from ${KEY_VARIABLE}",
    )
    requests: Annotated[PositiveInt, Option("endpoint_requests"), Resource()] = Field(
        8, description="Requests under way at once at the endpoint"
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return value if value is None else checked_url(value, KEY_VARIABLE)

    def note(self) -> Mapping[str, str]:
        """Return nothing; see that the endpoint's address is known.

        Raises:
            UsageError: it is not.
        """
        if self.url is None:
            raise UsageError(
                f"engine openai needs --endpoint: where the API of {self.model!r} begins, http(s)://host/v1"
            )
        return {}

    def elsewhere(self) -> str | None:
        """Name the endpoint's model."""
        return f"{self.model} at the endpoint"

    def start(self, host: EngineHost) -> EndpointEngine:
        """Load the model, which reads what the endpoint answers."""
        from truthmap.answers.engines.openai_engine import EndpointEngine

        self.note()
        assert self.url is not None
        endpoint = Endpoint(self.url, KEY_VARIABLE, parallel=self.requests)
        return EndpointEngine(host.model(), endpoint, self.model, host.batch_tokens, host.say)
