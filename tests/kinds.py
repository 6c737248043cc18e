"""Two patches of Linux 6.12 that differ in every kind of change that make does not see, each in a file of its own."""

from __future__ import annotations

from tests.rebuilding import new_file


_HOOK = """--- a/kernel/Makefile
+++ b/kernel/Makefile
@@ -45,3 +45,4 @@
 obj-y += sched/
+obj-y += kx/ kx_made/ kx_plain/ kx_script/
 obj-y += locking/
 obj-y += power/
"""
_MAKEFILE = """# SPDX-License-Identifier: GPL-2.0
obj-y := removed.o shadowed.o asks.o linked.o shown.o noted.o raw.o
obj-$(CONFIG_TIMERFD) += option.o
obj-y += $(patsubst $(src)/%.c,%.o,$(wildcard $(src)/found*.c))
quiet_cmd_noted = NOTED   $@
      cmd_noted = $(CONFIG_SHELL) $(src)/noted.sh > $@
$(obj)/noted.h: FORCE
	$(call if_changed,noted)
targets += noted.h
$(obj)/noted.o: $(obj)/noted.h
$(obj)/raw.o: $(src)/raw.bin
"""
_MADE = """obj-y := product.o
"""
_PRODUCT = """quiet_cmd_product = PRODUCT $@
      cmd_product = echo 'extern const int kx_product; const int kx_product = 1;' > $@
$(obj)/product.c: FORCE
	$(call if_changed,product)
targets += product.c
"""
_PLAIN = """obj-y := plain.o
quiet_cmd_plain = PLAIN   $@
      cmd_plain = echo '\\#define KX_PLAIN @VALUE@' > $@
$(obj)/plain.h:
	$(call cmd,plain)
$(obj)/plain.o: $(obj)/plain.h
"""
_SCRIPT = """obj-y := script.o
quiet_cmd_script = SCRIPT  $@
      cmd_script = $(CONFIG_SHELL) $(src)/script.sh > $@
$(obj)/script.h:
	$(call cmd,script)
$(obj)/script.o: $(obj)/script.h
"""
_SYMBOLS = (
    "--- a/scripts/mksysmap\n+++ b/scripts/mksysmap\n@@ -56,6 +56,8 @@\n # EXPORT_SYMBOL (symbol name)\n"
    " / __kstrtab_/d\n \n+# a symbol of the tests\n+/ kx_found_a$/d\n # EXPORT_SYMBOL (namespace)\n"
    " / __kstrtabns_/d\n \n"
)
_INCLUDED = {
    "kx/removed": "<linux/kx_removed.h>",
    "kx/shadowed": "<linux/kx_shadowed.h>",
    "kx/linked": '"linked.h"',
    "kx/shown": "<linux/kx_dir/value.h>",
    "kx/noted": '"noted.h"',
    "kx_plain/plain": '"plain.h"',
    "kx_script/script": '"script.h"',
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
        "kernel/kx_made/product.c": _value("product", "2"),
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
            f"kernel/{it}.c": f"#include {header}\n" + _value(it.split("/")[1], f"KX_{it.split('/')[1].upper()}")
            for it, header in _INCLUDED.items()
        },
        "kernel/kx/Makefile": _MAKEFILE,
        "kernel/kx_made/Makefile": _MADE + rules,
        "kernel/kx_plain/Makefile": _PLAIN.replace("@VALUE@", value),
        "kernel/kx_script/Makefile": _SCRIPT,
        "kernel/kx_script/script.sh": f"echo '#define KX_SCRIPT {value}'\n",
        "kernel/kx/asks.c": "#if __has_include(<linux/kx_asked.h>)\n"
        f"{_value('asks', '2')}#else\n{_value('asks', '1')}#endif\n",
        "kernel/kx/option.c": f"#ifdef CONFIG_PRINTK_TIME\n{_value('option', '2')}#else\n{_value('option', '1')}#endif\n",
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
