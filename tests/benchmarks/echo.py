"""A WebSocket server that sends back what it gets, and nothing else: ``python -m tests.benchmarks.echo``.

The reference for the agent's loopback: the same library, client and machine. Its port is printed.
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    connection = web.WebSocketResponse(compress=False)
    await connection.prepare(request)
    async for message in connection:
        if message.type is WSMsgType.TEXT:
            await connection.send_str(message.data)
    return connection


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(web.Server(echo), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
