"""Whole `.config` files that must hold to the last line."""

from __future__ import annotations

from derivations.kconfig.diagnosis import whole_config
from derivations.kconfig.language.values import MODULE, NO, YES
from derivations.kconfig.symbols.dotconfig import parse


WHOLE = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.0 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"

#
# General setup
#
CONFIG_LOCALVERSION="-mine"
# CONFIG_KGDB is not set
CONFIG_NET_9P=m
CONFIG_LOG_BUF_SHIFT=17
# end of General setup
"""


def test_local_version() -> None:
    """The file's CONFIG_LOCALVERSION is read."""
    assert whole_config.local_version(WHOLE) == "-mine"
    assert whole_config.local_version("# CONFIG_LOCALVERSION is not set\n") == ""
    assert whole_config.local_version("") == ""


def test_exactly() -> None:
    """Every line becomes a request with its line number; options left out must be absent; computed ones may differ."""
    result = parse(WHOLE.replace("12.2.0", "13.1.0") + 'CONFIG_NEW=y\nCONFIG_TEXT="x"\n')
    found = whole_config.exact_requests(WHOLE, "x.config", result, lambda name: name != "CC_VERSION_TEXT")

    assert {name: it.value for name, it in found.items()} == {
        "CC_VERSION_TEXT": "gcc (Debian 12.2.0-14) 12.2.0",
        "LOCALVERSION": "-mine",
        "KGDB": NO,
        "NET_9P": MODULE,
        "LOG_BUF_SHIFT": 17,
        "NEW": NO,
        "TEXT": "",
    }
    assert [name for name, it in found.items() if it.optional] == ["CC_VERSION_TEXT"]
    assert (str(found["NET_9P"].origin), str(found["NEW"].origin)) == ("x.config:12", "x.config")
    assert result["NEW"] is YES
