"""Two patches of Linux 6.12 that differ in every kind of change that make does not see, each in a file of its own."""

from __future__ import annotations

from tests.rebuilding import new_file


_HOOK = """--- a/kernel/Makefile
+++ b/kernel/Makefile
@@ -45,3 +45,4 @@
 obj-y += sched/
+obj-y += kx/
 obj-y += locking/
 obj-y += power/
"""
_MAKEFILE = """# SPDX-License-Identifier: GPL-2.0
obj-y := removed.o shadowed.o asks.o linked.o shown.o product.o table.o noted.o raw.o sub/
obj-$(CONFIG_TIMERFD) += option.o
obj-y += $(patsubst $(src)/%.c,%.o,$(wildcard $(src)/found*.c))
quiet_cmd_table = TABLE   $@
      cmd_table = echo '\\#define KX_TABLE @TABLE@' > $@
$(obj)/table.h:
	$(call cmd,table)
$(obj)/table.o: $(obj)/table.h
quiet_cmd_noted = NOTED   $@
      cmd_noted = $(CONFIG_SHELL) $(src)/noted.sh > $@
$(obj)/noted.h: FORCE
	$(call if_changed,noted)
targets += noted.h
$(obj)/noted.o: $(obj)/noted.h
$(obj)/raw.o: $(src)/raw.bin
"""
_PRODUCT = """quiet_cmd_product = PRODUCT $@
      cmd_product = echo 'extern const int kx_product; const int kx_product = 1;' > $@
$(obj)/product.c: FORCE
	$(call if_changed,product)
targets += product.c
"""
_SUB = """# SPDX-License-Identifier: GPL-2.0
obj-y := scripted.o
quiet_cmd_scripted = SCRIPT  $@
      cmd_scripted = $(CONFIG_SHELL) $(src)/scripted.sh > $@
$(obj)/scripted.h:
	$(call cmd,scripted)
$(obj)/scripted.o: $(obj)/scripted.h
"""
_SYMBOLS = (
    "--- a/scripts/mksysmap\n+++ b/scripts/mksysmap\n@@ -59,3 +59,6 @@\n"
    " # EXPORT_SYMBOL (namespace)\n / __kstrtabns_/d\n \n+# a symbol of the tests\n+/ kx_found_a$/d\n+\n"
)
_INCLUDED = {
    "removed": "<linux/kx_removed.h>",
    "shadowed": "<linux/kx_shadowed.h>",
    "linked": '"linked.h"',
    "shown": "<linux/kx_dir/value.h>",
    "table": '"table.h"',
    "noted": '"noted.h"',
}
"""The files that read a value, each by the header that defines it."""


def before() -> str:
    """Return the patch of the kernel that is built first: every value is 1."""
    return _patch("1", _headers() | {"include/linux/kx_removed.h": _define("removed", 1)}, _PRODUCT)


def after() -> str:
    """Return the patch of the kernel that is built from that one's tree: every value is 2."""
    added = {
        "include/linux/kx_shadowed.h": _define("shadowed", 2),
        "include/linux/kx_asked.h": "",
        "kernel/kx/product.c": _value("product", "2"),
        "kernel/kx/found_b.c": _value("found_b", "2"),
    }
    return _patch("2", _headers("2") | added, "")


def link_tool() -> str:
    """Return the patch of a kernel that differs from the first in nothing but what its symbol table leaves out."""
    return before() + _SYMBOLS


def _headers(value: str = "1") -> dict[str, str]:
    return {
        "include/uapi/linux/kx_removed.h": _define("removed", 2),
        "include/uapi/linux/kx_shadowed.h": _define("shadowed", 1),
        "include/linux/kx_dir_1/value.h": _define("shown", value),
    }


def _define(name: str, value: object) -> str:
    return f"#define KX_{name.upper()} {value}\n"


def _value(name: str, value: str) -> str:
    return f"extern const int kx_{name};\nconst int kx_{name} = {value};\n"


def _patch(value: str, files: dict[str, str], rules: str) -> str:
    found = {
        **files,
        **{
            f"kernel/kx/{it}.c": f"#include {header}\n" + _value(it, f"KX_{it.upper()}")
            for it, header in _INCLUDED.items()
        },
        "kernel/kx/Makefile": _MAKEFILE.replace("@TABLE@", value) + rules,
        "kernel/kx/asks.c": "#if __has_include(<linux/kx_asked.h>)\n"
        f"{_value('asks', '2')}#else\n{_value('asks', '1')}#endif\n",
        "kernel/kx/option.c": f"#ifdef CONFIG_PRINTK_TIME\n{_value('option', '2')}#else\n{_value('option', '1')}#endif\n",
        "kernel/kx/sub/Makefile": _SUB,
        "kernel/kx/sub/scripted.c": '#include "scripted.h"\n' + _value("scripted", "KX_SCRIPTED"),
        "kernel/kx/sub/scripted.sh": f"echo '#define KX_SCRIPTED {value}'\n",
        "kernel/kx/linked_1.h": _define("linked", 1),
        "kernel/kx/linked_2.h": _define("linked", 2),
        "kernel/kx/noted.sh": f"echo '#define KX_NOTED {value}'\n",
        "kernel/kx/raw.S": '.section .rodata\n.globl kx_raw\nkx_raw: .incbin "/src/kernel/kx/raw.bin"\n',
        "kernel/kx/raw.bin": f"value {value}\n",
        "kernel/kx/found_a.c": _value("found_a", "1"),
    }
    links = {"kernel/kx/linked.h": f"linked_{value}.h", "include/linux/kx_dir": "kx_dir_1"}
    parts = [new_file(path, text) for path, text in found.items() if text]
    parts += [
        f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex 0000000..e69de29\n"
        for path, text in found.items()
        if not text
    ]
    parts += [new_file(path, goal, "120000") for path, goal in links.items()]
    return _HOOK + "".join(parts)
