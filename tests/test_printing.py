import os
import socket
import sys
import threading
import time
from io import BytesIO

import pypdf
import pytest

from healthvisit import printing

PAGE = """<!doctype html><html lang="en-GB"><head><title>Żółć Мир</title></head>
<body><h1>Żółć Мир</h1><p>Hello</p>{}</body></html>"""


def test_a_page_becomes_a_pdf_that_says_it_is_pdf_ua():
    document = pypdf.PdfReader(BytesIO(printing.pdf(PAGE.format(""))))
    assert b'pdfuaid:part="1"' in document.root_object["/Metadata"].get_data()
    assert document.metadata.title == "Żółć Мир"
    assert document.pages[0].extract_text().split() == ["Żółć", "Мир", "Hello"]


def test_nothing_is_fetched_from_the_net_or_from_the_disk(tmp_path):
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect width='10' height='10'/></svg>"
    )
    (tmp_path / "picture.svg").write_text(svg)
    asked = []
    with _Listener(asked) as port:
        pictures = [f"http://127.0.0.1:{port}/x.svg", (tmp_path / "picture.svg").as_uri()]
        page = PAGE.format("".join(f'<img alt="here" src="{address}">' for address in pictures))
        made = printing.pdf(page)
    assert asked == []
    # What is not fetched is not drawn: its words stand there.
    assert pypdf.PdfReader(BytesIO(made)).pages[0].extract_text().count("here") == 2


class _Listener:
    """A port of this machine that tells when anybody comes."""

    def __init__(self, asked):
        self.asked = asked

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.over = False
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()
        return self.socket.getsockname()[1]

    def _listen(self):
        while not self.over:
            try:
                connection, _ = self.socket.accept()
            except TimeoutError:
                continue
            self.asked.append(connection.getpeername())
            connection.close()

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()


@pytest.fixture
def instead(tmp_path, monkeypatch):
    """Another program in the place of the one that prints."""

    def put(lines):
        program = tmp_path / "python"
        program.write_text(f"#!{sys.executable}\n{lines}\n")
        program.chmod(0o755)
        monkeypatch.setattr(printing.sys, "executable", str(program))

    return put


def test_the_process_that_prints_is_told_no_setting_and_no_password(instead, monkeypatch, tmp_path):
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    told = tmp_path / "told"
    instead(f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ))); print('%PDF-1.7')")
    printing.pdf(PAGE)
    assert "secret" not in told.read_text()
    assert os.environ["PATH"] in told.read_text()


def test_what_cannot_be_printed_is_told_without_a_word_of_the_page(instead):
    instead("import sys; print(sys.stdin.read(), file=sys.stderr); sys.exit(1)")
    with pytest.raises(printing.NotPrinted, match=r"missing: .*; ended 1") as raised:
        printing.pdf(PAGE)
    assert "Hello" not in str(raised.value)


def test_what_is_no_pdf_is_not_given_out(instead):
    instead("print('<html>')")
    with pytest.raises(printing.NotPrinted):
        printing.pdf(PAGE)


def test_a_page_that_takes_too_long_is_given_up(instead, monkeypatch):
    monkeypatch.setattr(printing, "MOST_S", 0.5)
    instead("import time; time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(printing.NotPrinted, match="it took more than"):
        printing.pdf(PAGE)
    assert time.monotonic() - began < 30


def test_a_library_that_is_missing_is_named_by_its_package(monkeypatch):
    assert printing.missing() == ()
    monkeypatch.setitem(printing._LIBRARIES, "libnever.so.9", "libnever9")
    assert printing.missing() == ("libnever9",)


def test_who_finds_others_printing_and_waiting_is_told_at_once(instead, monkeypatch, tmp_path):
    began, end = tmp_path / "began", tmp_path / "end"
    monkeypatch.setattr(printing, "WAIT_S", 60)
    instead(
        f"import os, time; open({str(began)!r}, 'a').write('1')\n"
        f"while not os.path.exists({str(end)!r}): time.sleep(0.05)\n"
        "print('%PDF-1.7')"
    )
    made = []
    first, second = (threading.Thread(target=lambda: made.append(printing.pdf(PAGE))) for _ in range(2))
    first.start()
    _until(began.exists)
    second.start()
    _until(lambda: not printing._places._value)
    asked_at = time.monotonic()
    with pytest.raises(printing.Busy):
        printing.pdf(PAGE)
    assert time.monotonic() - asked_at < printing.WAIT_S / 2
    # One prints at a time.
    assert began.read_text() == "1"
    end.touch()
    first.join()
    second.join()
    assert began.read_text() == "11"
    assert len(made) == 2


def _until(is_so):
    while not is_so():
        time.sleep(0.02)
