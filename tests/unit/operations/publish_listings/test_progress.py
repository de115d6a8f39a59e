"""How far the command is: in a terminal, and in a file or a pipe."""

import io

import pytest

from operations.publish_listings.progress import Progress


class Screen(io.StringIO):
    """A terminal. `seen` is what has been flushed."""

    seen = ""

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        super().flush()
        self.seen = self.getvalue()


def frames(screen: Screen) -> list[str]:
    """What stood in the line, one after the other."""
    assert screen.seen == screen.getvalue(), "a terminal shows only what is flushed"
    return screen.getvalue().split("\r\x1b[K")[1:]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_bar_in_a_terminal() -> None:
    """It is drawn at most ten times a second, and at the end."""
    screen, now = Screen(), [0.0]
    progress = Progress(screen, lambda: now[0])
    with progress.bar("Checking", 100) as show:
        assert len(frames(screen)) == 1
        for seconds, done in ((0.0, 1), (0.09, 2), (0.1, 5), (0.15, 6), (0.2, 50), (0.2, 99), (0.2, 100)):
            now[0] = seconds
            show(done)
            frames(screen)
    assert frames(screen) == [
        "Checking [............................]   0%",
        "Checking [#...........................]   5%",
        "Checking [##############..............]  50%",
        "Checking [############################] 100%\n",
    ]


@pytest.mark.parametrize(("done", "total", "share"), [(0, 0, "100%"), (3, 2, "100%"), (1, 2, " 50%"), (0, 1, "  0%")])
def test_the_share_that_is_done(done: int, total: int, share: str) -> None:
    now = [0.0]
    screen = Screen()
    with Progress(screen, lambda: now[0]).bar("Checking", total) as show:
        now[0] = 1.0
        show(done)
    assert frames(screen)[-1].endswith(f"] {share}\n")


def test_how_long_a_state_lasts_in_a_terminal() -> None:
    screen, now = Screen(), [1000.0]
    with Progress(screen, lambda: now[0]).waiting() as tell:
        for seconds in (0.0, 9.9, 59.9, 60.0, 3675.0):
            now[0] = 1000.0 + seconds
            tell("Amazon processes the feed")
            frames(screen)
    assert [frame.partition("feed ")[2] for frame in frames(screen)] == [
        "(0:00)",
        "(0:09)",
        "(0:59)",
        "(1:00)",
        "(61:15)\n",
    ]


def test_a_line_is_cut_before_it_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last column stays free: a terminal may break the line there."""
    monkeypatch.setenv("COLUMNS", "10")
    screen = Screen()
    with Progress(screen).waiting() as tell:
        tell("0123456789")
    assert frames(screen) == ["012345678\n"]


class Pipe(Screen):
    def isatty(self) -> bool:
        return False


def test_lines_without_a_terminal() -> None:
    """A label once, and a state when it is another one."""
    pipe = Pipe()
    progress = Progress(pipe)
    with progress.bar("Checking", 2) as show:
        assert pipe.seen == "Checking ...\n"
        show(1)
        show(2)
    for states in (("QUEUED", "QUEUED", "SENDING"), ("SENDING",)):
        with progress.waiting() as tell:
            for state in states:
                tell(state)
                assert pipe.seen.endswith(f"{state}\n")
    assert pipe.getvalue() == "Checking ...\nQUEUED\nSENDING\nSENDING\n"
