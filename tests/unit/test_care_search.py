"""Stray copies of keys are found by what they are, wherever they lie, and the search stays within its bounds (R44)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from agent.care import places
from agent.care.search import Search, Searched
from tests.harness.keyfiles import make_identity, make_key_file, make_weak_key_file

HEADER = bytes.fromhex("3082016d3082016904") + bytes(300)  # a SEQUENCE, as header.key begins


def search(root: Path, **more: object) -> Searched:
    return Search([str(root)], mounted={}, **more).run()  # type: ignore[arg-type]


def kinds(found: Searched) -> dict[str, str]:
    return {Path(one.path).name: one.kind for one in found.strays}


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def container(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("header.key", "primary.key", "primary2.key", "masks.key", "masks2.key", "name.key"):
        (folder / name).write_bytes(HEADER)
    return folder


def test_keys_are_found_in_every_form_that_others_write(tmp_path: Path) -> None:
    make_key_file(tmp_path, "p256", name="new.PFX")
    make_weak_key_file(tmp_path, name="old.p12")
    key = tmp_path / "plain.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    openssl("pkcs8", "-topk8", "-in", key, "-passout", "pass:long one", "-out", tmp_path / "pkcs8.key")
    openssl("rsa", "-aes256", "-passout", "pass:long one", "-traditional", "-out", tmp_path / "older.pem", "-in",
            _rsa(tmp_path))  # fmt: skip
    (tmp_path / "chain.pem").write_bytes(make_identity("p256").pem * 9 + key.read_bytes())
    container(tmp_path / "drive" / "le-1a2b3.000")
    assert kinds(search(tmp_path)) == {
        "new.PFX": "pkcs12", "old.p12": "pkcs12", "plain.pem": "pem_open", "rsa.pem": "pem_open",
        "pkcs8.key": "pem_encrypted", "older.pem": "pem_encrypted", "chain.pem": "pem_open",
        "le-1a2b3.000": "cryptopro",
    }  # fmt: skip


def _rsa(folder: Path) -> Path:
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / "rsa.pem")
    return folder / "rsa.pem"


def test_what_only_has_the_name_is_not_taken_for_a_key(tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").write_bytes(make_identity("p256").pem)
    (tmp_path / "text.p12").write_text("PKCS#12 is a format")
    (tmp_path / "empty.pfx").write_bytes(b"")
    (tmp_path / "short.pfx").write_bytes(b"\x30\x82")
    (tmp_path / "id.key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "notes.txt").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "part.001").mkdir()
    (tmp_path / "part.001" / "header.key").write_bytes(HEADER)
    container(tmp_path / "a-name-too-long.000")
    found = search(tmp_path)
    assert (found.strays, found.ended, found.unread) == ((), "", 0)


def test_the_worst_comes_first_and_says_how_it_lies(tmp_path: Path) -> None:
    made = make_key_file(tmp_path, "p256", name="a.p12")
    made.path.chmod(0o600)
    (tmp_path / "z.pem").write_bytes(make_identity("p256").key_pem)
    os.utime(tmp_path / "z.pem", (86400, 86400))
    first, second = search(tmp_path).strays
    assert (first.kind, first.path, first.changed) == ("pem_open", str(tmp_path / "z.pem"), "1970-01-02T00:00:00Z")
    assert (second.kind, second.size) == ("pkcs12", made.path.stat().st_size)
    assert not second.open_to_others


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    outside, home = tmp_path / "outside", tmp_path / "home"
    outside.mkdir()
    home.mkdir()
    make_key_file(outside, "p256", name="far.p12")
    (home / "link").symlink_to(outside)
    (home / "loop").symlink_to(home)
    (home / "far.p12").symlink_to(outside / "far.p12")
    (home / "self.p12").symlink_to("self.p12")
    found = search(home)
    assert (found.strays, found.folders, found.files, found.unread) == ((), 1, 0, 0)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")  # opening it would wait for a writer
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.p12"))
        assert search(tmp_path).strays == ()


def test_file_systems_that_may_hang_are_left_out_and_named(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    make_key_file(near, "p256", name="near.p12")
    make_key_file(far, "p256", name="far.p12")
    mounted = {"/": "ext4", str(far): "nfs4"}
    found = Search([str(tmp_path)], mounted=mounted).run()
    assert kinds(found) == {"near.p12": "pkcs12"}
    assert found.left_out == (str(far),)
    whole = Search([str(far)], mounted=mounted).run()
    assert (whole.strays, whole.left_out, whole.folders) == ((), (str(far),), 0)


def test_folders_of_our_own_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "pero").mkdir()
    make_key_file(tmp_path / "pero", "p256")
    assert search(tmp_path, without=[str(tmp_path / "pero")]).strays == ()


def test_what_cannot_be_read_is_counted_and_the_rest_is_found() -> None:
    """As a user who may not read everything, which whoever runs the tests may be."""
    code = (
        "import os, sys\nfrom agent.care.search import Search\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "found = Search([sys.argv[1]], mounted={}).run()\n"
        "print(len(found.strays), found.unread, *(path.rsplit('/', 1)[1] for path in found.unread_paths))"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_key_file(folder, "p256").path.chmod(0o644)
        make_key_file(folder, "p256", name="mine.p12").path.chmod(0)
        (folder / "closed").mkdir(mode=0)
        run = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=False
        )
        (folder / "closed").chmod(0o700)
    assert sorted(run.stdout.split()) == ["1", "2", "closed", "mine.p12"], run.stderr


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    found = search(tmp_path / "gone")
    assert (found.unread, found.unread_paths) == (1, (str(tmp_path / "gone"),))


def test_a_name_that_is_no_utf_8_is_found_and_can_be_told(tmp_path: Path) -> None:
    made = make_key_file(tmp_path, "p256")
    made.path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.p12"))
    (one,) = search(tmp_path).strays
    assert one.path.encode() == os.fsencode(tmp_path) + "/\ufffd.p12".encode()


def test_a_hundred_thousand_files_are_gone_through_and_the_search_can_be_taken_back(tmp_path: Path) -> None:
    """Hard links: the names cost what names cost, and no file is opened that has no name of a key."""
    for folder in range(100):
        source = tmp_path / str(folder) / "0"
        source.parent.mkdir()
        source.write_bytes(b"x")
        for name in range(1, 1000):
            os.link(source, source.with_name(str(name)))
    make_key_file(tmp_path / "99", "p256")
    found = search(tmp_path)
    assert (found.files, found.folders, found.ended, len(found.strays)) == (100_001, 101, "", 1)

    def told(folders: int) -> None:
        if folders == 10:
            taken_back.stop()

    taken_back = Search([str(tmp_path)], mounted={})
    taken_back.told = told
    begun = threading.Thread(target=taken_back.run)
    begun.start()
    begun.join(60)
    assert not begun.is_alive()
    stopped = taken_back.run()
    assert (stopped.ended, stopped.folders) == ("cancelled", 10)


@pytest.mark.parametrize(("more", "ended"), [({"longest": 0.0}, "time"), ({"most": 2}, "number")])
def test_the_bounds_hold_and_are_told(tmp_path: Path, more: dict[str, float], ended: str) -> None:
    content = make_key_file(tmp_path, "p256").path.read_bytes()
    for number in range(5):
        (tmp_path / f"folder-{number}").mkdir()
        (tmp_path / f"folder-{number}" / "copy.p12").write_bytes(content)
    found = search(tmp_path, **more)
    assert found.ended == ended
    assert len(found.strays) <= 2


def test_mounts_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    listed = tmp_path / "mountinfo"
    listed.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "90 22 0:50 / /home/anna/cloud rw,nosuid - fuse.sshfs anna@far rw\n"
        "91 22 8:17 / /media/anna/MY\\040KEYS rw - vfat /dev/sdb1 rw\n"
        "92 22 0:51 / /mnt/share rw master:3 propagate_from:2 - cifs //server/share rw\n"
        "a line of another kind\n"
    )
    mounted = places.mounts(listed)
    assert mounted["/media/anna/MY KEYS"] == "vfat"
    assert places.usual(Path("/home/anna"), mounted) == ["/home/anna", "/media/anna/MY KEYS", "/mnt/share"]
    assert places.lies_on("/home/anna/cloud/a/b", mounted) == "fuse.sshfs"
    assert places.lies_on("/home/anna", mounted) == "ext4"
    assert [places.is_local(mounted[place]) for place in mounted] == [True, False, True, False]
    assert places.mounts(tmp_path / "none") == {}


def test_the_mounts_of_this_machine_have_a_root_with_a_type() -> None:
    assert places.lies_on("/", places.mounts()) != ""
