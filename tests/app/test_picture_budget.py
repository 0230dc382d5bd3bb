import asyncio

from app.picture_budget import PictureBudget


def test_requests_wait_for_room() -> None:
    async def scenario() -> None:
        budget = PictureBudget(10)
        await budget.take(6)
        await budget.take(4)
        third = asyncio.create_task(budget.take(5))
        await asyncio.sleep(0)
        assert not third.done()
        await budget.give_back(4)
        await asyncio.sleep(0)
        assert not third.done()
        await budget.give_back(6)
        await third
        assert budget.held == 5

    asyncio.run(scenario())


def test_one_is_always_let_in() -> None:
    async def scenario() -> None:
        budget = PictureBudget(10)
        await budget.take(100)
        small = asyncio.create_task(budget.take(1))
        await asyncio.sleep(0)
        assert not small.done()
        await budget.give_back(100)
        await small

    asyncio.run(scenario())


def test_requests_without_pictures_never_wait() -> None:
    async def scenario() -> None:
        budget = PictureBudget(1)
        await budget.take(1)
        await budget.take(0)
        await budget.give_back(0)
        assert budget.held == 1

    asyncio.run(scenario())


def test_one_who_gives_up_holds_nothing() -> None:
    async def scenario() -> None:
        budget = PictureBudget(1)
        await budget.take(1)
        waiting = asyncio.create_task(budget.take(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        await budget.give_back(1)
        assert budget.held == 0

    asyncio.run(scenario())
