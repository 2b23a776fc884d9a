"""Answers to strangers come at even times: how soon a mark was found must not show."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from app.config import settings

T = TypeVar("T")


async def evenly(look: Callable[[], T]) -> T:
    """What `look` says, or raises, a whole number of `UNDERSTUDY_ANSWER_STEP_S` after it began.

    A clear mark is read in a tenth of the time that it takes to find none, so time alone would tell
    how close a file is to losing it. What takes longer than a step still shows which.
    """
    began = time.monotonic()
    try:
        return await run_in_threadpool(look)
    finally:
        step_s = settings().answer_step_s
        if step_s:
            await asyncio.sleep(-(time.monotonic() - began) % step_s)
