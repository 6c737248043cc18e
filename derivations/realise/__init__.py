"""The half with side effects: everything here runs programs, fetches, or writes to a store.

realise ──plan──▶ what to build ──execute──▶ one `action` each ─┬─ builtins/   functions of this process
                                                              └─ sandbox/    bubblewrap
                                                   ──outputs──▶ registered objects

earlier, redundant           results of earlier actions that serve another one
apt/, network/, archives/    where inputs come from and how they are unpacked
kconfig_session              queries a kernel's own Kconfig; `kvm` remembers whether KVM works on this machine
"""
