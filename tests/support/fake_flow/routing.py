"""The table of the fake's endpoints, filled by the modules that implement them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .replies import Answer, Call, Refusal

if TYPE_CHECKING:
    from .server import FakeFlow

Handler = Callable[["FakeFlow", Call], Answer]

ROUTES: dict[tuple[str, str], Handler] = {}

_FIELDS = {"GET": "querystring", "POST": "json"}


def route(method: str, path: str, *required: str, place: str | None = None) -> Callable[[Handler], Handler]:
    """Register an endpoint; the first missing field of ``required`` is refused as webargs does."""
    where = place or _FIELDS[method]

    def register(handler: Handler) -> Handler:
        def checked(fake: FakeFlow, call: Call) -> Answer:
            given: dict[str, Any] = {"querystring": call.query, "json": call.body, "form": call.form}[where]  # type: ignore[assignment]
            for name in required:
                if name not in given:
                    field = {name: ["Missing data for required field."]}
                    raise Refusal(5001, "Invalid request.", data={where: field})
            return handler(fake, call)

        ROUTES[method, path] = checked
        return handler

    return register


def dispatch(fake: FakeFlow, call: Call) -> Answer:
    """Answer a request, errors included: FATE-Flow never uses an HTTP status."""
    handler = ROUTES.get((call.method, call.path))
    if handler is None:
        known = any(path == call.path for _, path in ROUTES)
        text = "<MethodNotAllowed '405: Method Not Allowed'>" if known else "<NotFound '404: Not Found'>"
        return Refusal(6000, text).answer
    try:
        return handler(fake, call)
    except Refusal as refusal:
        return refusal.answer
    except Exception as error:
        return Refusal(6000, repr(error)).answer
