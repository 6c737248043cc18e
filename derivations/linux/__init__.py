"""Linux kernels: from the arguments of `make_linux` to the derivations of a kernel.

    arguments ──▶ kernel.Kernel ──graph──▶ tree ──▶ configuration ──▶ out, modules, dev, debug

`patch` produces the tree, `requested` collects the requests for the configuration, `module`, `dkms` and `packages`
build external modules, `boot` and `shell` use the result, `pins` and `releases` deal with kernel.org.
"""
