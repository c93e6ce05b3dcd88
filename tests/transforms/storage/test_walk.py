"""Walking folders: every entry once, whatever links there are, and what cannot be read is told and costs nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing, list_files
from tests.builders import write_file


def paths(listing: Listing) -> list[str]:
    return [file.path for file in listing.files]


def test_real_folders_come_before_links_to_them_whatever_their_names(tmp_path: Path) -> None:
    write_file(tmp_path / "z/left.png", b"x")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    listing = list_files(str(tmp_path))
    assert paths(listing) == ["z/left.png"]
    assert [(entry.path, "read already" in entry.reason) for entry in listing.skipped] == [("a", True)]


def test_a_link_that_leads_out_is_followed_once_by_the_first_of_its_names(tmp_path: Path) -> None:
    write_file(tmp_path / "disk/scene/left.png", b"x")
    place = tmp_path / "place"
    place.mkdir()
    for name in ("two", "one", "three"):
        (place / name).symlink_to(tmp_path / "disk")
    (tmp_path / "disk/back").symlink_to(place)
    listing = list_files(str(place))
    assert paths(listing) == ["one/scene/left.png"]
    assert {entry.path for entry in listing.skipped} == {"two", "three", "one/back"}


def test_a_link_to_a_folder_around_the_input_is_not_walked(tmp_path: Path) -> None:
    write_file(tmp_path / "place/scene/left.png", b"x")
    for name, target in {"up": tmp_path, "root": Path("/"), "process": Path("/proc/self/root")}.items():
        if target.exists():
            (tmp_path / "place" / name).symlink_to(target)
    listing = list_files(str(tmp_path / "place"))
    assert paths(listing) == ["scene/left.png"]
    assert all("holds the input" in entry.reason for entry in listing.skipped)
    assert {"up", "root"} <= {entry.path for entry in listing.skipped}


def test_the_root_of_the_file_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to("/")
    for place in ("/", "/.", str(tmp_path / "root")):
        with pytest.raises(UsageError, match="root of the file system"):
            list_files(place)


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        ("/mnt/camera/left.png", "its disk is not mounted"),
        ("../.git/annex/objects/X1/f3/SHA256E-s10--ab.png", "git annex get"),
        ("/home/x/repository/.dvc/cache/files/md5/ab", "dvc pull"),
    ],
)
def test_a_link_without_content_stays_in_the_listing_and_says_why(tmp_path: Path, target: str, advice: str) -> None:
    (tmp_path / "left.png").symlink_to(target)
    (file,) = list_files(str(tmp_path)).files
    assert file.path == "left.png"
    assert target in file.problem
    assert advice in file.problem


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    listing = list_files(str(tmp_path))
    assert [(file.path, bool(file.problem)) for file in listing.files] == [("a.png", True), ("b.png", True)]
    assert store.files_in(str(tmp_path)) == [], "no file is there by these names"


def test_pipes_and_hidden_files_are_skipped_and_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "left.png")
    write_file(tmp_path / ".cache/left.png", b"x")
    write_file(tmp_path / "__MACOSX/left.png", b"x")
    listing = list_files(str(tmp_path))
    assert not listing.files
    assert [entry.path for entry in listing.skipped] == [".cache", "__MACOSX", "left.png"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is needed to drop the right to read everything")
def test_a_closed_folder_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    """In a process that may not read everything, as root may."""
    write_file(tmp_path / "open/left.png", b"x")
    write_file(tmp_path / "closed/left.png", b"x")
    code = (
        "from dpdeblur.transforms.storage.listing import list_files\n"
        f"found = list_files({str(tmp_path)!r})\n"
        "print([file.path for file in found.files], [(folder.path, folder.reason) for folder in found.closed])"
    )
    (tmp_path / "closed").chmod(0)
    try:
        command = [sys.executable, "-W", "ignore", "-c", code]
        if os.geteuid() == 0:
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert done.stdout.strip() == "['open/left.png'] [('closed', 'Permission denied')]"


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["a", "b/x", "c", ".", "..", "/nowhere", "d"]), max_size=6),
    st.sets(st.sampled_from(["a/1", "b/x/2", "b/3", "c/4", "5"])),
)
def test_every_real_file_is_listed_once_whatever_links_there_are(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], files: set[str]
) -> None:
    place = tmp_path_factory.mktemp("walk")
    for file in files:
        write_file(place / file, b"x")
    for name, target in links.items():
        if not (place / name).exists():
            (place / name).symlink_to(place / target if target != ".." else place.parent)
    listing = list_files(str(place))
    whole = [file.path for file in listing.files if not file.problem]
    assert len({os.path.realpath(place / path) for path in whole}) == len(whole) == len(files)
    assert set(files) <= set(whole), "real paths are kept, not those by links"
    assert all((place / file.path).is_symlink() for file in listing.files if file.problem)
    shutil.rmtree(place)
