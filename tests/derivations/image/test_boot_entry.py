"""Boot loader entries: their text, the names that loaders give them, the default, and GRUB's menu."""

from __future__ import annotations

import pytest

from derivations.image.boot_entry import (
    Entry,
    InvalidCommandLine,
    NewEntry,
    check_command_line,
    default_of,
    grub_snippet,
    identify,
    parse_entry,
    with_default,
)


NEW = NewEntry(
    profile="system",
    slot="6-1-2",
    title="Linux 6.1.2 (6-1-2)",
    version="6.1.2",
    options="root=LABEL=x ro",
    linux="/kernix/a-linux",
    initrd=("/kernix/a-initrd",),
)


def test_text() -> None:
    """An entry has the keys of the specification."""
    assert NEW.text.splitlines() == [
        "# made by kernix from the profile system",
        "title Linux 6.1.2 (6-1-2)",
        "version 6.1.2",
        "sort-key kernix",
        "options root=LABEL=x ro",
        "linux /kernix/a-linux",
        "initrd /kernix/a-initrd",
    ]


def test_what_is_written_is_read() -> None:
    """An entry is recognised as one of kernix, whatever count the loader has put into its name."""
    found = parse_entry(f"{NEW.id}+2-1.conf", NEW.text)

    assert found == Entry(
        name=f"{NEW.id}+2-1.conf",
        id=NEW.id,
        left=2,
        done=1,
        profile="system",
        title=NEW.title,
        version="6.1.2",
        options=NEW.options,
        linux=NEW.linux,
        initrd=NEW.initrd,
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.conf", ("a", None, 0)),
        ("a+3.conf", ("a", 3, 0)),
        ("a+2-1.conf", ("a", 2, 1)),
        ("a+0-3.conf", ("a", 0, 3)),
        ("a-6.1.2-amd64+10.conf", ("a-6.1.2-amd64", 10, 0)),
        ("a+b.conf", None),
        ("a.txt", None),
        (".conf", None),
    ],
)
def test_names_with_boot_counts(name: str, found: tuple[str, int | None, int] | None) -> None:
    """The counts that a loader keeps in a file's name are no part of the entry's id."""
    assert found == identify(name)


def test_entries_of_others() -> None:
    """An entry that kernel-install has written belongs to no profile, and its files are known."""
    text = "title x\nversion 6.1\noptions a\noptions b\nlinux /t/6.1/linux\ninitrd /t/6.1/a /t/6.1/b\nunknown\n\n# remark\n"
    found = parse_entry("t-6.1.conf", text)

    assert found is not None
    assert (None, "a b") == (found.profile, found.options)
    assert ("/t/6.1/linux", ("/t/6.1/a", "/t/6.1/b"), frozenset()) == (found.linux, found.initrd, found.files)


@pytest.mark.parametrize("prefix", ["", "/boot", "/a/b"])
def test_files_are_known_wherever_their_paths_begin(prefix: str) -> None:
    """A run that is not given the same `--prefix` still knows which files are needed."""
    entry = Entry(
        name="a.conf", id="a", linux=f"{prefix}/kernix/x-linux", initrd=(f"{prefix}/kernix/x-initrd", "/ucode")
    )

    assert {"x-linux", "x-initrd"} == entry.files


def test_another_command_line_is_another_entry() -> None:
    """An entry is never overwritten by another one: its name depends on all of its text."""
    assert NEW.id != NewEntry(profile="system", slot="6-1-2", title="", version="", options="", linux="").id


def test_default_is_found_however_the_loader_renames_it() -> None:
    """The default is a pattern; other lines of loader.conf stay."""
    text = with_default("timeout 3\ndefault other.conf\neditor no\n", "a")
    entries = [Entry(name="a+2-1.conf", id="a"), Entry(name="b.conf", id="b")]

    assert text == "default a*\ntimeout 3\neditor no\n"
    assert default_of(text, entries) == entries[0]
    assert default_of("default b.conf\n", entries) == entries[1]
    assert [None] * 3 == [default_of(it, entries) for it in ("", "default @saved\n", "default\n")]


def test_grub() -> None:
    """GRUB's menu has each entry by its id, and words that its shell would change are quoted."""
    entry = Entry(
        name="a+3.conf", id="a", title="it's", options="x='b c' $y;", linux="/kernix/l", initrd=("/kernix/i",)
    )

    assert grub_snippet([entry, Entry(name="efi.conf", id="efi")], "a").splitlines()[1:] == [
        "set default=a",
        r"menuentry 'it'\''s' --id a {",
        "    search --no-floppy --set=root --file /kernix/l",
        r"    linux /kernix/l 'x='\''b' 'c'\''' '$y;'",
        "    initrd /kernix/i",
        "}",
    ]


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "\x1b[0m", "x" * 2001])
def test_odd_command_lines_are_refused(text: str) -> None:
    """A command line is one line of printable text that a kernel can hold."""
    with pytest.raises(InvalidCommandLine):
        check_command_line(text)
