"""Large request bodies are refused before Django, which would write them to disk for anybody, sees them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

#: Twice the longest form: 256 KiB of variables, escaped. Nothing here takes uploads.
MAX_BODY_BYTES: Final = 2 * 1024 * 1024


def limit_body(application: Application) -> Application:
    """Answer 413 to a longer body, whether its length was announced or not, and let `application` see a disconnect."""

    async def limited(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if int(dict(scope["headers"]).get(b"content-length", b"0")) > MAX_BODY_BYTES:
            await _refuse(send)
            return
        left = MAX_BODY_BYTES

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left >= 0:
                return message
            await _refuse(send)
            return {"type": "http.disconnect"}

        await application(scope, counted, send)

    return limited


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    message = f"The request is longer than {MAX_BODY_BYTES // 1024 // 1024} MiB.\n".encode()
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": message})
