"""The head of an answer leaves with its body, whatever becomes of the client."""

from __future__ import annotations

import asyncio

import pytest

from zava_cli.server.http.wholes import WholeAnswers
from zava_cli.server.loop import new_loop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


@pytest.mark.parametrize("lost_after", ["the head", "nothing"])
def test_an_answer_to_a_client_that_was_lost_raises_nothing(lost_after: str) -> None:
    raised: list[object] = []

    async def answer() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: raised.append(context))
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        answers = WholeAnswers(transport, loop)
        if lost_after == "the head":
            answers.write(HEAD)
        transport.abort()
        await asyncio.sleep(0.05)
        answers.write(HEAD)
        answers.write(b"body")
        answers.write(b"more")
        await asyncio.sleep(0.05)
        server.close()

    loop = new_loop()
    loop.run_until_complete(answer())
    loop.close()
    assert not raised
