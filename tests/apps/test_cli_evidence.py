"""`-evidence`, `streamfix verify` and `streamfix report` on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from streamfix.apps.cli import main
from tests.jobs.evidence.material import FRAMES, recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording, and evidence of it in the folder e."""
    made = tmp_path_factory.mktemp("evidence")
    recording(made / "in.mkv")
    words = ["-loglevel", "error", "-i", str(made / "in.mkv"), "-evidence", str(made / "e"), "-vf", "smooth"]
    assert main([*words, str(made / "out.mkv")]) == 0
    return made


def test_verify_says_that_all_is_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(folder / "e")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"same: all {FRAMES} frames were made again, each the same, and so is the working copy"
    assert main(["verify", str(folder / "e" / "evidence.json"), "-quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_verify_names_the_first_frame_that_differs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((folder / "e" / "evidence.json").read_text(encoding="utf-8"))
    record["frames"][3]["output_sha256"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(record), encoding="utf-8")
    assert main(["verify", str(tmp_path / "other.json"), "-i", str(folder / "in.mkv"), "-quiet"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("DIFFERS: frame 3, at 0.120 s, is the first that differs: the restored picture's sha256 is ")


def test_the_report_is_one_page_that_loads_nothing(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(folder / "e"), str(page), "-frames", "1,4"]) == 0
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"""(?:src|href)=["']?([^"'> ]*)""", text) + re.findall(r"url\(([^)]*)\)", text)
    assert links and all(link.startswith("data:image/png;base64,") for link in links) and "<script" not in text
    record = json.loads((folder / "e" / "evidence.json").read_text(encoding="utf-8"))
    assert all(row["output_sha256"][:16] in text for row in record["frames"])
    for number in (1, 4):
        assert f"Frame {number}, at" in text and record["frames"][number]["input_sha256"] in text
    for word in ("Restored", "Kalman", "noise luma", "framehash", record["inputs"][0]["sha256"], record["vf"]):
        assert word in text
    assert text.count("<svg") == 4 and f"all {FRAMES} frames are the same" in " ".join(text.split())


def test_the_report_of_what_differs_says_so(folder: Path, tmp_path: Path) -> None:
    record = json.loads((folder / "e" / "evidence.json").read_text(encoding="utf-8"))
    record["frames"][2]["output_sha256"] = "0" * 64
    record["inputs"][0]["name"] = "<script>.mkv"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert main(["report", str(path), "-i", str(folder / "in.mkv")]) == 1
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This evidence does not repeat: frame 2" in text and "<script" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["report", "EVIDENCE", "x.pdf"], "the report is a page; name it something.html"),
        (["report", "EVIDENCE", "HERE/x.html", "-frames", "9"], "the record has frames 0 to 4, not 9"),
        (["report", "EVIDENCE", "HERE/x.html", "-frames", "a"], "-frames a: numbers with commas"),
        (["report", "EVIDENCE", "HERE/no/x.html"], "there is no folder"),
        (["verify", "HERE"], "there are 0 .json files in it"),
        (["-i", "IN", "-evidence", "HERE/e", "-y", "HERE/o.mkv"], "-evidence: -y: evidence overwrites nothing"),
        (["-i", "IN", "-evidence", "HERE/e", "-device", "auto", "HERE/o.mkv"], "-evidence: -device auto"),
        (["-i", "IN", "-evidence_key", "k.pem", "HERE/o.mkv"], "-evidence_key without -evidence"),
        (["-i", "IN", "-evidence", "HERE/e", "-evidence_maps", "all", "HERE/o.mkv"], "expected some of change, noise"),
        (["-i", "IN", "-evidence", "HERE/e", "-evidence_c2pa", "c", "HERE/o.mkv"], "expected two files"),
        (["-i", "IN", "-evidence", "HERE/no/e", "HERE/o.mkv"], "there is no folder"),
        (["-i", "IN", "-evidence", "HERE/e", "-vf", "auto", "HERE/o.mkv"], "auto decides by itself"),
    ],
)
def test_wrong_requests_are_told(
    words: list[str], says: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"EVIDENCE": folder / "e", "IN": folder / "in.mkv"}
    assert main([str(places.get(word, word.replace("HERE", str(tmp_path)))) for word in words]) == 1
    assert says in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.chromium
def test_the_report_is_read_and_printed_in_a_browser(folder: Path, tmp_path: Path) -> None:
    from tests.apps.daemon.browsing import CHROMIUM, PHONE, WIDE, chromium

    if CHROMIUM is None:
        pytest.skip("needs the chromium command, Debian's package chromium")
    page = tmp_path / "page.html"
    assert main(["report", str(folder / "e"), str(page)]) == 0
    with chromium() as browser:
        for width, height in (WIDE, PHONE):
            seen = browser.new_page(viewport={"width": width, "height": height})
            trouble: list[str] = []
            seen.on("console", lambda message, to=trouble: to.append(message.text))
            seen.goto(page.as_uri())
            loaded = seen.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
            assert loaded and all(loaded) and not trouble
            assert seen.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.pdf(format="A4").startswith(b"%PDF")
