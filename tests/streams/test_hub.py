"""The readers of logs, at the real engine."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apps.streams.hub import Hub
from apps.streams.source import TAIL_LINES, Source
from tests.streams.viewing import Relay, Viewer, until
from tests.streams.writing import written_log

pytestmark = pytest.mark.engine

ENGINE = "unix:///var/run/docker.sock"


@pytest.fixture(autouse=True)
def _images(test_images: dict[str, str]) -> None:
    """The containers' image."""


def numbered(first: int, end: int) -> list[str]:
    return [f"{number:06d}" for number in range(first, end)]


async def write_in_thread(write: Callable[..., None], lines: list[str], pause_s: float = 0.0) -> None:
    for start in range(0, len(lines), 500):
        await asyncio.to_thread(write, *lines[start : start + 500])
        await asyncio.sleep(pause_s)


async def join(hub: Hub[Source], container_id: str, viewer: Viewer, url: str = ENGINE, resume: bool = False) -> Source:
    source = hub.reader(url, container_id)
    await source.join(viewer.outlet, viewer.cursor if resume else None)
    return source


def test_both_streams_arrive_and_are_told_apart():
    async def scenario() -> None:
        with written_log() as log:
            async with Hub(Source) as hub:
                viewer = Viewer()
                await join(hub, log.id, viewer)
                log.say("fine")
                log.complain("not fine")
                await until(lambda: len(viewer.lines) == 2)
                assert {(line.stream, line.text) for line in viewer.lines} == {(1, b"fine"), (2, b"not fine")}

    asyncio.run(scenario())


def test_a_viewer_begins_with_the_last_500_lines_and_goes_on_live():
    async def scenario() -> None:
        with written_log() as log:
            log.say(*numbered(0, 800))
            async with Hub(Source) as hub:
                first, second = Viewer(), Viewer()
                await join(hub, log.id, first)
                await until(lambda: first.texts[-1:] == ["000799"])
                assert first.texts == numbered(800 - TAIL_LINES, 800)
                log.say(*numbered(800, 900))
                await until(lambda: first.texts[-1:] == ["000899"])
                await join(hub, log.id, second)
                assert second.texts == numbered(900 - TAIL_LINES, 900)

    asyncio.run(scenario())


def test_many_viewers_share_one_reader_that_ends_after_the_last_of_them(tmp_path: Path):
    async def scenario() -> None:
        with written_log() as log:
            async with Relay(str(tmp_path / "engine")) as relay, Hub(Source, linger_s=0.1) as hub:
                source = hub.reader(relay.url, log.id)
                subscriptions = [await source.join(Viewer().outlet, None) for _ in range(20)]
                assert len(hub) == 1
                assert relay.connections == 1
                for subscription in subscriptions:
                    source.leave(subscription)
                await until(lambda: len(hub) == 0 and relay.connections == 0)

    asyncio.run(scenario())


def test_who_comes_back_gets_what_was_missed_without_gap_or_duplicate():
    async def scenario() -> None:
        with written_log() as log:
            async with Hub(Source) as hub:
                viewer, stays = Viewer(), Viewer()
                await join(hub, log.id, stays)
                source = hub.reader(ENGINE, log.id)
                writing = asyncio.create_task(write_in_thread(log.say, numbered(0, 30_000), pause_s=0.01))
                subscription = await source.join(viewer.outlet, None)
                while not writing.done():
                    await asyncio.sleep(0.15)
                    source.leave(subscription)
                    await viewer.outlet.close()
                    await asyncio.sleep(0.1)
                    again = Viewer()
                    again.lines = viewer.lines
                    subscription = await source.join(again.outlet, viewer.cursor if viewer.lines else None)
                    viewer = again
                await until(lambda: viewer.texts[-1:] == ["029999"] and stays.texts[-1:] == ["029999"])
                assert viewer.texts == numbered(0, 30_000)
                assert stays.texts == numbered(0, 30_000)

    asyncio.run(scenario())


def test_who_comes_back_to_a_panel_that_was_restarted_misses_nothing():
    async def scenario() -> None:
        with written_log() as log:
            viewer = Viewer()
            log.say(*numbered(0, 100))
            log.complain("once")
            async with Hub(Source) as hub:
                await join(hub, log.id, viewer)
                await until(lambda: len(viewer.lines) == 101)
            await write_in_thread(log.say, numbered(100, 5_000))
            async with Hub(Source) as hub:
                again = Viewer()
                again.lines = list(viewer.lines)
                source = hub.reader(ENGINE, log.id)
                await source.join(again.outlet, viewer.cursor)
                log.say("end")
                await until(lambda: again.texts[-1:] == ["end"])
                assert [text for text in again.texts if text != "once"] == [*numbered(0, 5_000), "end"]
                assert again.texts.count("once") == 1
                assert again.remarks == []

    asyncio.run(scenario())


def test_a_connection_that_breaks_under_a_fast_writer_leaves_no_gap_and_no_duplicate(tmp_path: Path):
    async def scenario() -> None:
        with written_log() as log:
            async with Relay(str(tmp_path / "engine")) as relay, Hub(Source) as hub:
                viewer = Viewer()
                await join(hub, log.id, viewer, relay.url)
                writing = asyncio.create_task(write_in_thread(log.say, numbered(0, 40_000), pause_s=0.02))
                while not writing.done():
                    await asyncio.sleep(0.4)
                    await relay.cut()
                await until(lambda: viewer.texts[-1:] == ["039999"])
                assert viewer.texts == numbered(0, 40_000)
                assert viewer.remarked("gap") == []

    asyncio.run(scenario())


def test_an_engine_that_is_away_is_said_and_found_again(tmp_path: Path):
    async def scenario() -> None:
        with written_log() as log:
            relay = Relay(str(tmp_path / "engine"))
            await relay.open()
            async with Hub(Source) as hub:
                viewer = Viewer()
                await join(hub, log.id, viewer, relay.url)
                log.say("before")
                await until(lambda: viewer.texts == ["before"])
                await relay.close()
                await until(lambda: any(viewer.remarked("error")))
                assert "cannot be reached" in viewer.remarked("error")[-1]
                log.say("meanwhile")
                Path(tmp_path / "engine").unlink(missing_ok=True)
                await relay.open()
                await until(lambda: viewer.texts == ["before", "meanwhile"])
                assert viewer.remarked("error")[-1] is None
            await relay.close()

    asyncio.run(scenario())


def test_a_viewer_that_does_not_read_is_told_what_it_missed_and_holds_up_nobody():
    async def scenario() -> None:
        with written_log() as log:
            async with Hub(Source) as hub:
                stuck, quick = Viewer(), Viewer()
                await join(hub, log.id, stuck)
                await join(hub, log.id, quick)
                log.say("first")
                await until(lambda: stuck.texts == ["first"])
                stuck.reads.clear()
                long = "x" * 1000
                await write_in_thread(log.say, [f"{number:06d} {long}" for number in range(10_000)])
                await until(lambda: quick.texts[-1:] == [f"009999 {long}"])
                assert len(quick.lines) == 10_001
                stuck.reads.set()
                await until(lambda: stuck.texts[-1:] == [f"009999 {long}"])
                (dropped,) = stuck.remarked("dropped")
                assert len(stuck.lines) + dropped == 10_001

    asyncio.run(scenario())


@asynccontextmanager
async def flooded(container_id: str) -> AsyncIterator[Viewer]:
    async with Hub(Source) as hub:
        viewer = Viewer()
        await join(hub, container_id, viewer)
        yield viewer


def test_a_container_that_writes_as_fast_as_it_can_does_not_fill_memory():
    async def scenario() -> None:
        with written_log() as log:
            container = log.container
            async with Hub(Source) as hub:
                stuck = Viewer()
                await join(hub, log.id, stuck)
                stuck.reads.clear()
                before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                flood = asyncio.create_task(
                    asyncio.to_thread(container.exec_run, ["sh", "-c", "timeout 4 yes a-flood > /proc/1/fd/1"])
                )
                await flood
                grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
                assert grown_kib < 40 * 1024
                await asyncio.sleep(3)  # what was written is on its way for a moment on a busy machine
                stuck.reads.set()
                await until(lambda: stuck.remarked("dropped"))
                assert stuck.remarked("dropped")[0] > 10_000

    asyncio.run(scenario())


def test_lines_that_rotation_took_away_are_shown_as_a_gap(tmp_path: Path):
    async def scenario() -> None:
        with written_log(max_size="200k", max_file="2") as log:
            async with Relay(str(tmp_path / "engine")) as relay, Hub(Source) as hub:
                viewer = Viewer()
                await join(hub, log.id, viewer, relay.url)
                await write_in_thread(log.say, numbered(0, 5_000), pause_s=0.05)
                await until(lambda: viewer.texts[-1:] == ["004999"])
                relay.flows.clear()
                await write_in_thread(log.say, numbered(5_000, 100_000), pause_s=0.005)
                relay.flows.set()
                await write_in_thread(log.say, numbered(100_000, 105_000), pause_s=0.05)
                await until(lambda: viewer.texts[-1:] == ["104999"])
                assert len(viewer.lines) < 105_000
                await until(lambda: viewer.remarked("gap"))

    asyncio.run(scenario())


def test_a_cursor_whose_lines_rotation_took_away_begins_with_a_gap():
    async def scenario() -> None:
        with written_log(max_size="100k", max_file="2") as log:
            viewer = Viewer()
            log.say("seen")
            async with Hub(Source) as hub:
                await join(hub, log.id, viewer)
                await until(lambda: viewer.texts == ["seen"])
            await write_in_thread(log.say, numbered(0, 20_000))
            await until(lambda: log.container.logs(tail=1) == b"019999\n")
            async with Hub(Source) as hub:
                again = Viewer()
                await hub.reader(ENGINE, log.id).join(again.outlet, viewer.cursor)
                await until(lambda: again.texts[-1:] == ["019999"])
                assert again.texts == numbered(int(again.texts[0]), 20_000)
                assert again.remarked("gap") == [None]

    asyncio.run(scenario())


def test_who_comes_back_in_the_middle_of_rotations_gets_no_line_twice():
    async def scenario() -> None:
        with written_log(max_size="100k", max_file="2") as log:
            viewer = Viewer()
            log.say("seen")
            async with Hub(Source) as hub:
                await join(hub, log.id, viewer)
                await until(lambda: viewer.texts == ["seen"])
            await write_in_thread(log.say, numbered(0, 20_000))
            async with Hub(Source) as hub:
                again = Viewer()
                await hub.reader(ENGINE, log.id).join(again.outlet, viewer.cursor)
                await until(lambda: again.texts[-1:] == ["019999"])
                assert again.texts == sorted(set(again.texts))
                assert None in again.remarked("gap")

    asyncio.run(scenario())


def test_the_end_of_a_container_and_its_new_start_are_said():
    async def scenario() -> None:
        with written_log() as log:
            async with Hub(Source) as hub:
                viewer = Viewer()
                source = await join(hub, log.id, viewer)
                await asyncio.to_thread(log.container.kill)
                await until(lambda: viewer.remarked("ended") == [137])
                await asyncio.to_thread(log.container.start)
                source.look_again()
                await until(lambda: viewer.remarked("started"))

    asyncio.run(scenario())


def test_a_terminals_log_is_read_too():
    async def scenario() -> None:
        with written_log(tty=True) as log:
            async with Hub(Source) as hub:
                viewer = Viewer()
                await join(hub, log.id, viewer)
                log.say("one", "two")
                await until(lambda: viewer.texts == ["one", "two"])

    asyncio.run(scenario())
