"""What openapi.json says: which bodies the routes take, what they answer, and with which errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from truthmap.server.requests import ChatRequest, ScoreItem, ScoreRequest

_REF = "#/components/schemas/{model}"
_JSON, _EVENTS, _TEXT = "application/json", "text/event-stream", "text/plain"
_EVERYWHERE = {401: "The API key is missing or wrong", 403: "The server is not addressed by that name"}
_OF_BODIES = {
    400: "The body is no such request, or asks for what is not offered",
    408: "The body was not complete in time",
    413: "The body, the prompt or the answer that is asked for is too long",
    415: "The body is not declared as application/json",
    429: "Too many requests wait",
    500: "The model failed",
    503: "The server is stopping",
    504: "The answer was not complete in time",
}
_OF_MODELS = {404: "Another model is asked for than the one that is served"}


class ErrorBody(BaseModel):
    """What went wrong.

    Attributes:
        message: For people.
        type: The kind of error, in OpenAI's words.
        param: The part of the request that it is about.
        code: For programs.
    """

    message: str
    type: str
    param: str | None
    code: str


class ErrorReply(BaseModel):
    """The body of every reply that is no success."""

    error: ErrorBody


def _request(*bodies: type[BaseModel]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(model=body.__name__)} for body in bodies]
    return {"required": True, "content": {_JSON: {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}}}


def _object(*types: str, kind: str = "object") -> dict[str, Any]:
    return {name: {"schema": {"type": kind if name == _JSON else "string"}} for name in types}


_ROUTES: dict[str, tuple[dict[str, Any] | None, dict[str, Any], dict[int, str]]] = {
    "/v1/chat/completions": (_request(ChatRequest), _object(_JSON, _EVENTS), {**_OF_BODIES, **_OF_MODELS}),
    "/v1/score": (_request(ScoreRequest, ScoreItem), _object(_JSON), _OF_BODIES),
    "/v1/models": (None, _object(_JSON), {}),
    "/v1/detector": (None, _object(_JSON), {}),
    "/healthz": (None, _object(_JSON), {}),
    "/metrics": (None, _object(_TEXT), {}),
}
"""Path → the body that it takes, what a success holds, and its own errors."""


def describe(app: FastAPI) -> None:
    """Let an application's openapi.json say what bodies, replies and errors its routes have."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_described(get_openapi(title=app.title, version=app.version, routes=app.routes)))
        return made

    app.openapi = openapi  # type: ignore[method-assign]


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in (ChatRequest, ScoreRequest, ScoreItem, ErrorReply):
        own = model.model_json_schema(ref_template=_REF)
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    for path, (body, success, errors) in _ROUTES.items():
        for operation in schema["paths"][path].values():
            if body is not None:
                operation["requestBody"] = body
            operation["responses"] = {
                "200": {"description": "Success", "content": success},
                **{str(status): _fault(told) for status, told in sorted({**_EVERYWHERE, **errors}.items())},
            }
    key = {"key": {"type": "http", "scheme": "bearer", "description": "Where the server asks for a key"}}
    schema["components"]["securitySchemes"] = key
    schema["security"] = [{"key": []}, {}]
    return schema


def _fault(told: str) -> dict[str, Any]:
    return {"description": told, "content": {_JSON: {"schema": {"$ref": _REF.format(model="ErrorReply")}}}}
