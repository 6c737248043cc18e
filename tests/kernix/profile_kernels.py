"""A user's file with kernels that are made in no time: trees of text files in a kernel's shape."""

KERNELS = """
from derivations.source import text_file
from derivations.union import UnionLayout, union


class Kernel:
    def __init__(self, name, release, image, modules=""):
        self.release = release
        self._out = union(f"{name}-{release}", [], UnionLayout(files={"bzImage": image, "config": "# empty\\n"}))
        module = f"lib/modules/{release}/a.ko" if modules else f"lib/modules/{release}/modules.dep"
        self._modules = union(f"{name}-{release}-modules", [], UnionLayout(files={module: modules}))

    @property
    def out(self):
        return self._out.out

    @property
    def modules(self):
        return self._modules.out


first = Kernel("linux", "6.1.1", "the first kernel")
second = Kernel("linux", "6.1.2", "the second kernel", modules="a module")
changed = Kernel("linux", "6.1.2", "the second kernel, changed")
ramdisk = text_file("initramfs", "an initramfs")
no_kernel = union("no-kernel", [], UnionLayout(files={"file": ""}))
"""
