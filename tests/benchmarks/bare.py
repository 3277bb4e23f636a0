"""What the gateway is measured against: a bare FastAPI route that does one Redis call."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI
from redis.asyncio import Redis

if __name__ == "__main__":
    port, redis_url = int(sys.argv[1]), sys.argv[2]
    redis = Redis.from_url(redis_url)
    app = FastAPI()

    @app.post("/submit")
    async def submit(body: Annotated[dict[str, Any], Body()]) -> dict[str, int]:
        """One call, and nothing else."""
        return {"length": await redis.rpush("bare", str(len(body)))}

    uvicorn.run(app, port=port, log_level="warning", access_log=False)
