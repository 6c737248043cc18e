"""The files that the pages' commands and definitions use, besides those that the pages show."""

from __future__ import annotations

from pathlib import Path


_HEAD = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12.117 Kernel Configuration\n#\n"
_BOTH = "CONFIG_64BIT=y\nCONFIG_PCI=y\nCONFIG_CHECKPOINT_RESTORE=y\nCONFIG_SYNC_FILE=y\n"
_LISTINGS = Path(__file__).parent / "listings"

_PATCH = """built by us

--- a/init/version.c
+++ b/init/version.c
@@ -1,3 +1,4 @@
 // SPDX-License-Identifier: GPL-2.0-only
+/* Built by us. */
 /*
  *  linux/init/version.c
"""
_STALE = """--- a/init/version.c
+++ b/init/version.c
@@ -25,5 +25,5 @@
 static int __init early_hostname(char *arg)
-{ old
+{ new
 \tsize_t bufsize = sizeof(init_uts_ns.name.nodename);
 \tsize_t maxlen  = bufsize - 1;
 \tssize_t arglen;
"""

_SNAPSHOT = """{"facts":[{"driver":"","kind":"device","label":"",
"name":"pci:v00008086d00001533sv00001043sd000085F0bc02sc00i00","root":false,"seen":["guide.txt"]}],
"format":1,"kind":"kernix hardware snapshot"}
"""
_GUIX = """(("CONFIG_NET_9P" . m)
 ("CONFIG_NET_9P_VIRTIO" . m)
 ("CONFIG_DEVPTS_MULTIPLE_INSTANCES" . #t)
 ("CONFIG_9P_FS" . m)
 ("CONFIG_CIFS" . m)
 ("CONFIG_FUSE_FS" . m)
 ("CONFIG_VIRTIO_BALLOON" . m)
 ("CONFIG_VIRTIO_BLK" . m)
 ("CONFIG_VIRTIO_MMIO" . m)
 ("CONFIG_VIRTIO_NET" . m)
 ("CONFIG_VIRTIO_PCI" . m))
"""

_HELLO = """#include <linux/module.h>
int hello_count(void) { return 41; }
EXPORT_SYMBOL_GPL(hello_count);
static int __init hello_init(void) { return 0; }
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("hello");
MODULE_LICENSE("GPL");
"""
_TALK = """#include <linux/module.h>
int hello_count(void);
static int __init talk_init(void) { pr_info("talk counts %d\\n", hello_count() + 1); return 0; }
static void __exit talk_exit(void) { }
module_init(talk_init);
module_exit(talk_exit);
MODULE_DESCRIPTION("talk");
MODULE_LICENSE("GPL");
"""

_BAD = """CONFIG_A = y\r
CONFIG_B=foo
\tCONFIG_C=y
CONFIG_CONFIG_D=y
CONFIG_E=1f
CONFIG_KGDB=yes
#CONFIG_F is not set
CONFIG_KGDB=y
CONFIG_KGDB=y
"""

FILES = {
    "E2140.config": f"{_HEAD.replace('6.12.117', '6.14.8')}CONFIG_64BIT=y\n",
    "a.config": f"{_HEAD}{_BOTH}CONFIG_DRM=y\nCONFIG_INPUT_EVDEV=y\n# CONFIG_USB_SUPPORT is not set\n",
    "b.config": f"{_HEAD}{_BOTH}# CONFIG_DRM is not set\n# CONFIG_INPUT_EVDEV is not set\nCONFIG_USB_SUPPORT=y\n",
    "bad.config": _BAD,
    "bom.config": "\ufeffCONFIG_KGDB=y\n",
    "built-by-us.patch": _PATCH,
    "built-by-us.txt": "built by us\n",
    "cut.config": f"{_HEAD}CONFIG_64BIT=y\n# CONFIG_LIBERTAS_THINFIRM is not",
    "debian.config": f"{_HEAD}CONFIG_64BIT=y\nCONFIG_MODULES=y\nCONFIG_PCI=y\nCONFIG_NET=y\nCONFIG_E1000E=m\n",
    "disk.img": "made by mkfs.vfat\n",
    "excluded/Kbuild": "obj-m := it.o\n",
    "excluded/dkms.conf": 'PACKAGE_NAME="it"\nPACKAGE_VERSION="1"\n\nBUILD_EXCLUSIVE_KERNEL="^5\\."\n',
    "firmware/intel-ucode": "",
    "guide.txt": (_LISTINGS / "guide.txt").read_text(encoding="utf-8"),
    "guides.json": _SNAPSHOT,
    "guix.scm": _GUIX,
    "hello/Makefile": "obj-m := hello.o\n",
    "hello/hello.c": _HELLO,
    "linux/Makefile": "",
    "modules.autoload": "ext4\n",
    "modules.ramfs": "drivers/virtio\n",
    "notes/today.txt": "nothing yet\n",
    "older.config": f"{_HEAD.replace('6.12.117', '6.1.55')}CONFIG_64BIT=y\n",
    "older.txt": (_LISTINGS / "older-guide.txt").read_text(encoding="utf-8"),
    "other.config": f"{_HEAD.replace('x86', 'arm64')}CONFIG_64BIT=y\n",
    "ramdisk-template/init": "#!/bin/sh\n",
    "stale.patch": _STALE,
    "talk/Kbuild": "obj-m := talk.o\n",
    "talk/talk.c": _TALK,
    "tree/greeting": "hello\n",
    "whole.config": f"{_HEAD}CONFIG_64BIT=y\n",
}
"""What lies beside the pages' files, and what the pages show only in parts."""
