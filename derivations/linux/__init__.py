"""Linux kernels: from the arguments of `make_linux` to the derivations of a kernel.

    arguments ──▶ kernel.Kernel ──graph──▶ tree ──▶ configuration ──▶ out, modules, dev, debug

`patch` makes the tree, `requested` collects what is asked of the configuration, `module`, `dkms` and `packages` build
modules from outside, `boot` and `shell` use the result, `pins` and `releases` know kernel.org.
"""
