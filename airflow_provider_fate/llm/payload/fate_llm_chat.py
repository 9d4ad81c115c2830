"""Answers over OpenAI's protocol: python fate_llm_chat.py HOST PORT CONFIG.json, with the key in FATE_CHAT_KEY.

The configuration names ``base`` and ``adapters`` (each with ``name`` and ``folder``), ``max_new_tokens``,
``max_seconds``, ``waiting``, ``dtype`` and ``threads``. Each adapter is a model of its own by its name. One request is
computed at a time; so many wait, and more are turned away. No prompt and no answer is logged.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import torch
import transformers
import uvicorn
from fate_llm_common import (
    Layout,
    Refused,
    context_length,
    load_base,
    load_tokenizer,
    padding_of,
    using,
    virtual_tokens,
    with_adapters,
)
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

LARGEST_BODY = 4 << 20


class Wrong(Exception):
    """A request that cannot be answered, in OpenAI's words."""

    def __init__(
        self,
        message: str,
        param: Optional[str] = None,  # noqa: UP045 - Python 3.9
        status: int = 400,
        code: Optional[str] = None,  # noqa: UP045
    ) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Asked:
    """What a request asks for."""

    def __init__(self, body: dict[str, Any], longest: int) -> None:
        def number(name: str, default: float, low: float, high: float) -> float:
            given = body.get(name)
            if given is None:
                return default
            if isinstance(given, bool) or not isinstance(given, (int, float)) or not low <= given <= high:
                raise Wrong(f"{name} must be a number from {low:g} to {high:g}", name)
            return given

        self.model = body.get("model")
        wish = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
        self.tokens = int(number(wish, longest, 1, 1 << 20))
        self.temperature = float(number("temperature", 1.0, 0.0, 2.0))
        self.top_p = float(number("top_p", 1.0, 0.0, 1.0))
        self.seed = int(number("seed", 0, 0, 2**63 - 1)) if body.get("seed") is not None else None
        self.stream = body.get("stream") is True
        stop = body.get("stop") or []
        self.stop = [stop] if isinstance(stop, str) else stop
        if (
            not isinstance(self.stop, list)
            or len(self.stop) > 4
            or not all(s and isinstance(s, str) for s in self.stop)
        ):
            raise Wrong("stop must be a text, or up to four", "stop")
        if number("n", 1, 1, 128) != 1:
            raise Wrong("n: one answer is given to a request", "n")
        for name in ("logprobs", "top_logprobs", "tools", "functions", "best_of", "echo", "suffix", "logit_bias"):
            if body.get(name):
                raise Wrong(f"{name} is not known to this server", name)


class Answering(transformers.StoppingCriteria):  # type: ignore[misc]
    """Ends a computation whose client has gone away."""

    def __init__(self) -> None:
        self.gone = False
        self.made = 0

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Whether to stop, for each row."""
        self.made += 1
        return torch.full((input_ids.shape[0],), self.gone, dtype=torch.bool, device=input_ids.device)


class Engine:
    """The base model and its adapters, one request at a time."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        base = config["base"]
        self.tokenizer = load_tokenizer(base["folder"])
        self.adapters = {one["name"]: f"a{number}" for number, one in enumerate(config["adapters"])}
        folders = {self.adapters[one["name"]]: one["folder"] for one in config["adapters"]}
        self.layouts = {one["name"]: Layout.beside(one["folder"]) for one in config["adapters"]}
        self.model = with_adapters(load_base(base["folder"], config["dtype"]), folders)
        self.names = [base["name"], *self.adapters]
        self.began = int(time.time())
        self._alone = threading.Lock()
        self._waiting = 0
        self._count = threading.Lock()

    def ids(self, asked: Asked, body: dict[str, Any], chat: bool) -> list[int]:
        """The request as tokens."""
        if not isinstance(asked.model, str) or asked.model not in self.names:
            raise Wrong(f"The model {asked.model!r} does not exist", "model", 404, "model_not_found")
        if not chat:
            prompt: Any = body.get("prompt")
            prompt = prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt
            if not isinstance(prompt, str) or not prompt:
                raise Wrong("prompt must be a text", "prompt")
            return list(self.tokenizer(prompt)["input_ids"])
        messages = [{"role": role, "content": text} for role, text in map(_message, _messages(body))]
        if (layout := self.layouts.get(asked.model)) is not None:
            # It was tuned on single questions: what was said before stands before them.
            return list(layout.prompt(self.tokenizer, "\n".join(one["content"] for one in messages)))
        if self.tokenizer.chat_template:
            found = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
            return list(found["input_ids"] if hasattr(found, "keys") else found)
        return list(self.tokenizer("\n".join(one["content"] for one in messages))["input_ids"])

    def room(self, asked: Asked, ids: list[int]) -> int:
        """Tokens that the answer may have."""
        adapter = self.adapters.get(str(asked.model))
        left = context_length(self.model, virtual_tokens(self.model, adapter)) - len(ids)
        if left < 1 or not ids:
            raise Wrong(
                f"The prompt has {len(ids)} tokens, and the model has no room for an answer" if ids else "No prompt",
                "messages", 400, "context_length_exceeded",
            )  # fmt: skip
        return int(min(asked.tokens, left, self.config["max_new_tokens"]))

    def require_place(self) -> None:
        """Turn a request away where too many wait."""
        with self._count:
            if self._waiting > self.config["waiting"]:
                raise Wrong("Too many requests wait already", None, 429, "rate_limit_exceeded")

    def _wait(self, change: int) -> None:
        with self._count:
            self._waiting += change

    def pieces(self, asked: Asked, ids: list[int], room: int, told: dict[str, Any]) -> Iterator[str]:
        """The answer, piece by piece; ``told`` gets how it ended. Ends the computation when it is closed."""
        streamer = transformers.TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=None
        )
        answering = Answering()

        def compute() -> None:
            try:
                with self._alone:
                    if not answering.gone:
                        self._generate(asked, ids, room, streamer, answering)
            except Exception as error:  # whoever reads must not wait for ever
                told["error"] = f"{type(error).__name__}: {error}"
                print(f"a request has failed: {type(error).__name__}", file=sys.stderr, flush=True)
            finally:
                streamer.end()

        thread = threading.Thread(target=compute, daemon=True)
        self._wait(1)
        thread.start()
        kept, longest = "", max(map(len, asked.stop), default=1)
        try:
            for piece in streamer:
                kept += piece
                if found := [place for stop in asked.stop if (place := kept.find(stop)) >= 0]:
                    told["finish"] = "stop"
                    yield kept[: min(found)]
                    kept, answering.gone = "", True
                    break
                ready = len(kept) - longest + 1
                if ready > 0:
                    yield kept[:ready]
                    kept = kept[ready:]
            if kept:
                yield kept
        finally:  # also where the client has gone away
            answering.gone = True
            self._wait(-1)
        thread.join()
        told["tokens"] = answering.made
        told.setdefault("finish", "length" if answering.made >= room else "stop")

    def _generate(self, asked: Asked, ids: list[int], room: int, streamer: Any, answering: Answering) -> None:
        sampled = asked.temperature > 0 and asked.top_p > 0
        more = {"temperature": asked.temperature, "top_p": asked.top_p, "top_k": 0} if sampled else {}
        if asked.seed is not None:
            torch.manual_seed(asked.seed)
        given = torch.tensor([ids])
        with torch.inference_mode(), using(self.model, self.adapters.get(str(asked.model))):
            self.model.generate(
                input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=room, do_sample=sampled,
                num_beams=1, streamer=streamer, max_time=self.config["max_seconds"],
                stopping_criteria=transformers.StoppingCriteriaList([answering]),
                pad_token_id=padding_of(self.tokenizer), eos_token_id=self.tokenizer.eos_token_id, **more,
            )  # fmt: skip


def _messages(body: dict[str, Any]) -> list[Any]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Wrong("messages must be a list with at least one message", "messages")
    return messages


def _message(given: Any) -> tuple[str, str]:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, dict) else (None, None)
    if isinstance(content, list) and all(isinstance(one, dict) and one.get("type") == "text" for one in content):
        content = "".join(str(one.get("text", "")) for one in content)
    if role not in ("system", "developer", "user", "assistant") or not isinstance(content, str):
        raise Wrong("each message has a role (system, user, assistant) and a text as its content", "messages")
    return str(role), content


class Server:
    """The routes."""

    def __init__(self, engine: Engine, key: str) -> None:
        self.engine, self._key = engine, key.encode()

    def _check(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
            raise Wrong("Incorrect API key provided", None, 401, "invalid_api_key")

    async def health(self, _: Request) -> Response:
        """It answers."""
        return JSONResponse({"status": "ok"})

    async def models(self, request: Request) -> Response:
        """The base model, and each adapter."""
        self._check(request)
        told = [{"id": name, "object": "model", "created": self.engine.began, "owned_by": "fate"}
                for name in self.engine.names]  # fmt: skip
        return JSONResponse({"object": "list", "data": told})

    async def chat(self, request: Request) -> Response:
        """``/v1/chat/completions``."""
        return await self._answer(request, chat=True)

    async def completions(self, request: Request) -> Response:
        """``/v1/completions``: the text goes on, as it is."""
        return await self._answer(request, chat=False)

    async def _answer(self, request: Request, chat: bool) -> Response:
        self._check(request)
        body = await _body(request)
        asked = Asked(body, self.engine.config["max_new_tokens"])
        ids = self.engine.ids(asked, body, chat)
        room = self.engine.room(asked, ids)
        self.engine.require_place()
        told: dict[str, Any] = {}
        answer = Written(str(asked.model), chat, len(ids))
        if asked.stream:

            def stream() -> Iterator[str]:
                yield answer.event("", first=True)
                for piece in self.engine.pieces(asked, ids, room, told):
                    yield answer.event(piece)
                if "error" in told:
                    yield f"data: {json.dumps(_failed().body)}\n\n"
                    return
                yield answer.event("", finish=told["finish"])
                yield "data: [DONE]\n\n"

            return StreamingResponse(stream(), media_type="text/event-stream")
        text = await run_in_threadpool(lambda: "".join(self.engine.pieces(asked, ids, room, told)))
        if "error" in told:
            raise _failed()
        return JSONResponse(answer.whole(text, told["finish"], told["tokens"]))


def _failed() -> Wrong:
    return Wrong("The model has failed on this request", None, 500)


class Written:
    """An answer as OpenAI writes it."""

    def __init__(self, model: str, chat: bool, prompt: int) -> None:
        self.chat, self.prompt = chat, prompt
        kind = "chatcmpl" if chat else "cmpl"
        self.head = {"id": f"{kind}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, text: str, finish: str, tokens: int) -> dict[str, Any]:
        """All of it at once."""
        said = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        return {
            **self.head,
            "object": "chat.completion" if self.chat else "text_completion",
            "choices": [{"index": 0, **said, "finish_reason": finish, "logprobs": None}],
            "usage": {
                "prompt_tokens": self.prompt, "completion_tokens": tokens, "total_tokens": self.prompt + tokens,
            },
        }  # fmt: skip

    def event(self, text: str, first: bool = False, finish: Optional[str] = None) -> str:  # noqa: UP045
        """A piece of it."""
        delta = {**({"role": "assistant"} if first else {}), **({"content": text} if finish is None else {})}
        said = {"delta": delta} if self.chat else {"text": text}
        told = {
            **self.head,
            "object": "chat.completion.chunk" if self.chat else "text_completion",
            "choices": [{"index": 0, **said, "finish_reason": finish}],
        }
        return f"data: {json.dumps(told)}\n\n"


async def _body(request: Request) -> dict[str, Any]:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_BODY:
            raise Wrong(f"The request has more than {LARGEST_BODY:,} bytes", None, 413)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Wrong("The request is no JSON object")
    return body


async def _wrong(_: Request, error: Exception) -> Response:
    assert isinstance(error, Wrong)
    return JSONResponse(error.body, status_code=error.status)


def make_app(engine: Engine, key: str) -> Starlette:
    """The application."""
    server = Server(engine, key)
    return Starlette(
        routes=[
            Route("/health", server.health),
            Route("/v1/models", server.models),
            Route("/v1/chat/completions", server.chat, methods=["POST"]),
            Route("/v1/completions", server.completions, methods=["POST"]),
        ],
        exception_handlers={Wrong: _wrong},
    )


def main() -> None:
    """Load, and answer until it is ended."""
    host, port, config = sys.argv[1], int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
    torch.set_num_threads(config["threads"])
    torch.seed()
    try:
        engine = Engine(config)
    except Refused as error:
        sys.exit(str(error))
    uvicorn.run(make_app(engine, os.environ["FATE_CHAT_KEY"]), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
