"""Tests for derivations.hardware.fit, and through it mapping, special and drivers."""

from __future__ import annotations

import attrs
import pytest

from derivations.hardware.c_source.source import CSource
from derivations.hardware.drivers import DriverMap, InvalidDriverMap, assemble
from derivations.hardware.fit import Fit, fit, requests
from derivations.hardware.makefiles.read_kbuild import read_kbuild
from derivations.hardware.mapping import map_hardware
from derivations.hardware.snapshot import EmptySnapshot, Fact, FactKind, Snapshot
from derivations.kconfig.language.values import MODULE, Priority
from derivations.kconfig.language.values import YES as SET
from derivations.kconfig.symbols.expression import YES, And, Expr, Or, Ref
from derivations.kconfig.symbols.model import Default, Model, Prompt, Select, Symbol, Type
from derivations.kconfig.symbols.values_table import Values


KBUILD = read_kbuild({
    "drivers/Makefile": "obj-y += gpu/ net/ usb/ hid/ ata/ virtio/ block/\n",
    "drivers/gpu/Makefile": "obj-$(CONFIG_DRM_X) += xgpu.o\nxgpu-y := main.o fw.o\n",
    "drivers/net/Makefile": "obj-$(CONFIG_IWLWIFI) += iwlwifi.o\nobj-$(CONFIG_IWLMVM) += iwlmvm.o\n",
    "drivers/usb/Makefile": "obj-$(CONFIG_USB_XHCI_HCD) += xhci-hcd.o\nobj-$(CONFIG_USB_XHCI_PCI) += xhci-pci.o\n",
    "drivers/hid/Makefile": "obj-$(CONFIG_AMD_SFH) += amd_sfh.o\n",
    "drivers/ata/Makefile": "obj-$(CONFIG_SATA_AHCI) += ahci.o\nobj-$(CONFIG_LATER) += later.o\n",
    "drivers/virtio/Makefile": "obj-$(CONFIG_VIRTIO_PCI) += virtio_pci.o\nobj-$(CONFIG_VIRTIO_BLK) += virtio_blk.o\n",
    "drivers/block/Makefile": "obj-$(CONFIG_RTS) += rts.o\n",
    "fs/Makefile": "obj-$(CONFIG_EXT4_FS) += ext4.o\n",
}.get)  # fmt: skip

SOURCES = {
    "drivers/gpu/main.o": CSource(
        aliases=("pci:v00001002d00001638sv*sd*bc*sc*i*",), drivers=(("pci", "xgpu"),), unreadable=2
    ),
    "drivers/gpu/fw.o": CSource(firmware=("amdgpu/x.bin",)),
    "drivers/net/iwlwifi.o": CSource(
        aliases=("pci:v00008086d00002723sv*sd*bc*sc*i*",), drivers=(("pci", "KBUILD_MODNAME"),)
    ),
    "drivers/usb/xhci-pci.o": CSource(
        aliases=("pci:v*d*sv*sd*bc0Csc03i30*",), drivers=(("pci", "xhci_hcd"),), softdeps=("pre: later",)
    ),
    "drivers/hid/amd_sfh.o": CSource(drivers=(("pci", "pcie_mp2_amd"),)),
    "drivers/ata/ahci.o": CSource(aliases=("pci:v00001022d00007901sv*sd*bc*sc*i*", "pci:v*d*sv*sd*bc01sc06i01*")),
    "drivers/virtio/virtio_pci.o": CSource(
        aliases=("pci:v00001AF4d*sv*sd*bc*sc*i*",), drivers=(("pci", "virtio-pci"),)
    ),
    "drivers/virtio/virtio_blk.o": CSource(aliases=("virtio:d00000002v*",)),
    "drivers/block/rts.o": CSource(
        aliases=(
            "pci:v00001002d00001638sv*sd*bc03sc02i00*",
            "usb:v0BDAp8179d*dc*dsc*dp*icFFiscFFipFFin*",
            "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*",
        )
    ),
    "fs/ext4.o": CSource(aliases=("fs-ext4",)),
}
DRIVERS = assemble(KBUILD, SOURCES, "x86")


def option(name: str, *needs: str, kind: Type = "tristate") -> Symbol:
    depends: Expr = And(tuple(map(Ref, needs))) if len(needs) > 1 else Ref(needs[0]) if needs else YES
    return Symbol(name=name, type=kind, prompts=(Prompt(name, depends),), depends=depends)


MODEL = Model(
    {
        it.name: it
        for it in [
            option("AMD_SFH", "HID"), option("DRM_X", "PCI"), option("EXT4_FS"), option("HID"), option("IWLMVM", "IWLWIFI"),
            option("IWLWIFI", "PCI", "WLAN"), option("LATER"), option("MODULES", kind="bool"), option("PCI", kind="bool"),
            option("PROC_FS", kind="bool"), option("SATA_AHCI"), option("USB", kind="bool"), option("USB_XHCI_HCD", "USB"),
            option("USB_XHCI_PCI", "USB_XHCI_HCD", "PCI"), option("VIRTIO_BLK"), option("VIRTIO_PCI", "PCI"),
            option("WLAN", kind="bool"), option("AMD_IOMMU", kind="bool"), option("BLK_DEV_SD"),
        ]
    },
    arch="x86_64", srcarch="x86", version="6.12.1",
)  # fmt: skip


def values(**given: str) -> Values:
    """Return values with every option visible and off, except those *given*."""
    return Values({name: f"2 1 {given.get(name, 'n')}" for name in MODEL})


MODULAR = values(MODULES="y")

GPU = Fact(FactKind.DEVICE, "pci:v00001002d00001638sv????????sd????????bc03sc00i??", "pci xgpu", "03:00.0 gpu")


def device(modalias: str, driver: str = "") -> Fact:
    return Fact(FactKind.DEVICE, modalias, driver, "it")


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param(GPU, ["xgpu"], id="driver"),
        pytest.param(device("pci:slot:0", "pci pcie_mp2_amd"), ["amd_sfh"], id="driver-called-otherwise"),
        pytest.param(device("pci:slot:0", "pci iwlwifi"), ["iwlwifi"], id="driver-called-as-its-module"),
        pytest.param(device("pci:slot:0", "pci xhci_hcd"), ["xhci_hcd", "xhci_pci"], id="driver-and-module-beside-it"),
        pytest.param(device("pci:slot:0", "usb ahci"), ["ahci"], id="module-of-the-name"),
        pytest.param(device("pci:v00001022d00007901sv????????sd????????bc01sc06i??"), ["ahci"], id="id"),
        pytest.param(device("pci:v00009999d00000001sv????????sd????????bc01sc06i??"), ["ahci"], id="perhaps"),
        pytest.param(device("pci:v00001002d00001638sv????????sd????????bc03sc02i??"), ["rts", "xgpu"], id="id-of-two"),
        pytest.param(device("pci:v00001002d00001638sv????????sd????????bc03sc02i01"), ["xgpu"], id="id-and-interface"),
        pytest.param(device("pci:v00009999d00000001sv00000000sd00000000bc01sc06i00"), [], id="certainly-not"),
        pytest.param(device("pci:v00009999d00000001sv????????sd????????bc??sc??i??"), [], id="of-no-known-class"),
        pytest.param(device("pci:v00001002d00001638sv????????sd????????bc03sc00i??", "pci gone"), ["xgpu"], id="driver-gone"),
        pytest.param(device("usb:v0001p0002d????dc??dsc??dp??ic??isc??ip??in??"), [], id="usb-says-too-little"),
        pytest.param(device("usb:v0BDAp8179d????dc??dsc??dp??ic??isc??ip??in??"), ["rts"], id="usb-named"),
        pytest.param(device("pci:v00001AF4d00001042sv????????sd????????bc01sc00i??", "pci virtio-pci"),
                     ["virtio_blk", "virtio_pci"], id="virtio"),
        pytest.param(device("pci:v00001AF4d00001001sv????????sd????????bc01sc00i??", "pci virtio-pci"),
                     ["virtio_blk", "virtio_pci"], id="virtio-transitional"),
        pytest.param(Fact(FactKind.MODULE, "iwlmvm"), ["iwlmvm"], id="module"),
        pytest.param(Fact(FactKind.MODULE, "xhci-hcd"), ["xhci_hcd"], id="module-with-a-dash"),
        pytest.param(Fact(FactKind.FILESYSTEM, "ext4"), ["ext4"], id="file-system"),
    ],
)  # fmt: skip
def test_matches(fact: Fact, expected: list[str]) -> None:
    """A device is matched by its driver's module, or else by its id."""
    found = map_hardware(Snapshot.of([fact], "x"), DRIVERS, MODEL).found

    assert expected == sorted(it.module.name for it in found if it.module is not None)


@pytest.mark.parametrize("name", ["ext3", "ipt_addrtype", "ipt-addrtype"])
def test_a_module_that_has_become_another(name: str) -> None:
    """A listing of an older kernel names modules that are parts of others by now."""
    kbuild = read_kbuild({"fs/Makefile": "obj-$(CONFIG_EXT4_FS) += ext4.o\nobj-$(CONFIG_LATER) += xt_addrtype.o\n"}.get)
    drivers = assemble(kbuild, {"fs/ext4.o": CSource(), "fs/xt_addrtype.o": CSource()}, "x86")
    found = map_hardware(Snapshot.of([Fact(FactKind.MODULE, name)], "x"), drivers, MODEL).found

    now = {"ext3": "ext4"}.get(name, "xt_addrtype")
    assert [(now, f"module, a part of {now} now")] == [
        (it.module.name, it.how) for it in found if it.module is not None
    ]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        pytest.param(device("pci:v00009999d00000001sv????????sd????????bc02sc00i??"), "no table of this tree", id="id"),
        pytest.param(device("pci:slot:0", "pci nothing"), "registers the driver nothing", id="driver"),
        pytest.param(Fact(FactKind.MODULE, "vboxguest"), "no module of this tree is called vboxguest", id="module"),
        pytest.param(
            Fact(FactKind.MODULE, "nf_nat_ipv4"),
            "no module of this tree is called nf_nat_ipv4",
            id="merged-into-what-is-not-there",
        ),
        pytest.param(Fact(FactKind.FILESYSTEM, "zfs"), "no file system of this tree", id="file-system"),
        pytest.param(device("pci:v00009999d00000001sv????????sd????????bc06sc00i??"), "", id="host-bridge"),
        pytest.param(device("acpi:LNXPWRBN:"), "", id="acpi-without-driver"),
        pytest.param(Fact(FactKind.FIRMWARE, "x.bin"), "", id="firmware"),
    ],
)
def test_unmapped_facts(fact: Fact, reason: str) -> None:
    """A fact without a match is reported with the reason, unless it needs no driver."""
    unmapped = map_hardware(Snapshot.of([fact], "x"), DRIVERS, MODEL).unmapped

    assert bool(reason) is bool(unmapped)
    assert all(reason in it.reason for it in unmapped)


def needed(*facts: Fact, given: Values = MODULAR) -> dict[str, str]:
    """Return the options to set for *facts*, with their values."""
    return {it.option: it.value.value for it in fit(Snapshot.of(facts, "x"), DRIVERS, MODEL, given).needed}


def test_dependencies_are_set() -> None:
    """The buses that people forget are set as dependencies, as y if they cannot be modules."""
    assert {"DRM_X": "m", "PCI": "y"} == needed(GPU)


def test_companions_are_set() -> None:
    """Modules that a driver requests by name at run time are set with it."""
    assert {"IWLWIFI": "m", "IWLMVM": "m", "PCI": "y", "WLAN": "y"} == needed(device("pci:slot:0", "pci iwlwifi"))


def test_soft_dependencies_are_set() -> None:
    """Modules to load with a module are set with it."""
    assert "LATER" in needed(device("pci:slot:0", "pci xhci_hcd"))


def test_without_modules_all_is_built_in() -> None:
    """In a kernel without modules, everything needed is built in."""
    assert {"DRM_X": "y", "PCI": "y"} == needed(GPU, given=values())


def test_options_that_turn_on_by_themselves_are_requested() -> None:
    """A bool that a default turns on, with its dependencies, is requested as y, since it cannot be a module."""
    symbol = Symbol(
        name="DRM_X", type="bool", prompts=(Prompt("x", Ref("PCI")),), defaults=(Default(YES),), depends=Ref("PCI")
    )
    model = Model({**MODEL, "DRM_X": symbol}, arch="x86_64", srcarch="x86", version="6.12.1")
    given = Values({name: f"2 1 {'y' if name == 'MODULES' else 'n'}" for name in MODEL} | {"DRM_X": "0 0 n"})
    found = fit(Snapshot.of([GPU], "x"), DRIVERS, model, given)

    assert {"DRM_X": "y", "PCI": "y"} == {it.option: it.value.value for it in found.needed}


def test_built_in_options_stay_built_in() -> None:
    """An option that the configuration builds in does not become a module."""
    assert {"DRM_X": "y"} == needed(GPU, given=values(MODULES="y", PCI="y", DRM_X="y"))


def test_an_iommu_is_found_by_its_class() -> None:
    """A device that is in no table is found by a rule."""
    assert {"AMD_IOMMU": "y"} == needed(device("pci:v00001022d00001631sv????????sd????????bc08sc06i??"))


def test_a_pseudo_file_system_is_an_option() -> None:
    """A file system that is part of another feature has that feature's option."""
    assert {"PROC_FS": "y"} == needed(Fact(FactKind.FILESYSTEM, "proc"))


def test_options_have_their_reasons_as_comments() -> None:
    """The fragment has each option below the devices and options that need it."""
    text = fit(Snapshot.of([GPU], "x"), DRIVERS, MODEL, MODULAR).text

    assert text == ("# 03:00.0 gpu (driver xgpu) -> module xgpu\nCONFIG_DRM_X=m\n# needed by DRM_X\nCONFIG_PCI=y\n")


def test_requests_are_read_from_the_text() -> None:
    """The text is read as default requests, each with its reasons as the origin."""
    text = fit(Snapshot.of([GPU], "x"), DRIVERS, MODEL, MODULAR).text
    found = requests(text, Values({"DRM_X": "2 1 m", "PCI": "2 1 y"}))
    assert {"DRM_X": MODULE, "PCI": SET} == {name: it.value for name, it in found.items()}
    assert requests(text, Values({"DRM_X": "2 1 y", "PCI": "2 1 y"}))["DRM_X"].value is SET
    assert {(True, Priority.DEFAULT)} == {(it.optional, it.priority) for it in found.values()}
    assert "hardware, 03:00.0 gpu (driver xgpu) -> module xgpu" == str(found["DRM_X"].origin)
    assert "hardware, needed by DRM_X" == str(found["PCI"].origin)


@pytest.mark.parametrize("label", ["x\nCONFIG_EVIL=y", "CONFIG_EVIL is not set", "x\r# CONFIG_EVIL is not set"])
def test_labels_cannot_inject_options(label: str) -> None:
    """Any label stays inside its comment, and Kconfig ignores the comment."""
    evil = Fact(FactKind.DEVICE, GPU.name, GPU.driver, label)
    text = fit(Snapshot.of([evil], "x"), DRIVERS, MODEL, MODULAR).text

    assert "EVIL" in text
    assert not [it for it in text.splitlines() if it.startswith(("CONFIG_EVIL", "# CONFIG_EVIL"))]


def test_blocked_options_are_reported() -> None:
    """An option that cannot be turned on is not in the fragment, and is reported with the obstacles."""
    stuck = Model({**MODEL, "DRM_X": option("DRM_X", "NOWHERE")}, arch="x86_64", srcarch="x86", version="6.12.1")
    found = fit(Snapshot.of([GPU], "x"), DRIVERS, stuck, MODULAR)

    assert () == found.needed
    assert ["DRM_X"] == [it.option for it in found.blocked]
    assert "NOWHERE" in str(found.blocked[0])


def test_an_empty_snapshot() -> None:
    """An empty snapshot is an error."""
    with pytest.raises(EmptySnapshot):
        fit(Snapshot(), DRIVERS, MODEL, MODULAR)


def test_the_map_is_written_and_read() -> None:
    """The map that `to_json` writes is read back unchanged."""
    assert DRIVERS.to_json() == DriverMap.from_json(DRIVERS.to_json()).to_json()
    assert 2 == DriverMap.from_json(DRIVERS.to_json()).unreadable


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1, "modules": {"a": 3}}'])
def test_invalid_maps(text: bytes) -> None:
    """A file of another kind or format is rejected."""
    with pytest.raises(InvalidDriverMap):
        DriverMap.from_json(text)


SOUND_KBUILD = read_kbuild({
    "drivers/Makefile": "obj-y += usb/ ras/ media/ sound/\n",
    "drivers/usb/Makefile": "obj-$(CONFIG_USB_HID) += usbhid.o\nobj-$(CONFIG_USB_MOUSE) += usbmouse.o\n",
    "drivers/ras/Makefile": "obj-$(CONFIG_RAS_CEC) += cec.o\nobj-$(CONFIG_RAS_CEC) += inside.o\n",
    "drivers/media/Makefile": "obj-$(CONFIG_CEC_CORE) += cec.o\n",
    "drivers/sound/Makefile": "obj-$(CONFIG_CODEC) += codec.o\nobj-$(CONFIG_AMD_CARD) += amd-card.o\n"
    "obj-$(CONFIG_INTEL_CARD) += intel-card.o\nobj-$(CONFIG_ARC4) += arc4.o\n"
    "obj-$(CONFIG_LIB) += lib.o\nobj-$(CONFIG_DRIVER) += driver.o\nobj-$(CONFIG_HELPER) += helper.o\n",
}.get)  # fmt: skip
SOUND_DRIVERS = assemble(
    SOUND_KBUILD,
    {
        "drivers/usb/usbhid.o": CSource(aliases=("usb:v*p*d*dc*dsc*dp*ic03isc*ip*in*",)),
        "drivers/usb/usbmouse.o": CSource(aliases=("usb:v*p*d*dc*dsc*dp*ic03isc01ip02in*",)),
        "drivers/sound/codec.o": CSource(aliases=("acpi*:CODEC:*",)),
        "drivers/sound/amd-card.o": CSource(aliases=("acpi*:AMDCARD:*",)),
        "drivers/sound/intel-card.o": CSource(aliases=("platform:intel-card",)),
    },
    "x86",
)


def hidden(name: str, *selected_by: str, selects: tuple[str, ...] = ()) -> Symbol:
    """Return an option without a prompt."""
    terms = tuple(And((Ref(it), Ref("SND"))) for it in selected_by)
    return Symbol(
        name=name, type="tristate", selected_by=Or(terms), selects=tuple(Select(it, Ref("SND")) for it in selects)
    )


def card(name: str, *selects: str) -> Symbol:
    """Return the option of a sound card's driver."""
    return attrs.evolve(option(name, "SND"), selects=tuple(Select(it, Ref("SND")) for it in selects))


SOUND_MODEL = Model(
    {
        it.name: it
        for it in [
            card("AMD_CARD", "CODEC"), attrs.evolve(hidden("ARC4"), selected_by=Ref("FEATURE")), hidden("BOARD", "INTEL_CARD", selects=("CODEC",)),
            option("CEC_CORE"), hidden("CODEC", "AMD_CARD", "BOARD"), option("EXPERT", kind="bool"),
            attrs.evolve(option("FEATURE", kind="bool"), selects=(Select("ARC4"),)), card("INTEL_CARD", "BOARD"),
            hidden("LIB", "USER"), card("USER", "LIB"), option("DRIVER"), attrs.evolve(hidden("HELPER"), selected_by=Ref("EXTRA")),
            attrs.evolve(option("EXTRA", "DRIVER", kind="bool"), defaults=(Default(YES),), selects=(Select("HELPER"),)),
            option("MODULES", kind="bool"), option("RAS_CEC", kind="bool"), option("SND"), option("USB_HID"),
            option("USB_MOUSE", "USB_HID", "EXPERT"),
        ]
    },
    arch="x86_64", srcarch="x86", version="6.12.1",
)  # fmt: skip


def sound_fit(*facts: Fact, **given: str) -> Fit:
    values = Values(
        {name: f"2 1 {({'MODULES': 'y'} | given).get(name, 'n')}" for name in SOUND_MODEL} | {"EXTRA": "0 0 n"}
    )
    return fit(Snapshot.of(facts, "x"), SOUND_DRIVERS, SOUND_MODEL, values)


@pytest.mark.parametrize("expert", ["n", "y"])
def test_a_driver_for_experts_is_left_out_if_there_is_another(expert: str) -> None:
    """A mouse gets the HID driver rather than that of the boot protocol, whether EXPERT is on or not."""
    mouse = device("usb:v046DpC077d7200dc00dsc00dp00ic03isc01ip02in00")

    assert ["USB_HID"] == [it.option for it in sound_fit(mouse, EXPERT=expert).needed]


def test_a_loaded_driver_for_experts_is_kept() -> None:
    """A module in a list of loaded modules is needed, even if it is for experts."""
    assert "USB_MOUSE" in [it.option for it in sound_fit(Fact(FactKind.MODULE, "usbmouse")).needed]


def test_names_of_modules_do_not_match_built_in_objects() -> None:
    """`cec` is the module of that name, not an object of another subsystem that cannot be a module."""
    assert ["CEC_CORE"] == [it.option for it in sound_fit(Fact(FactKind.MODULE, "cec")).needed]
    (unmapped,) = sound_fit(Fact(FactKind.MODULE, "inside")).mapped.unmapped
    assert unmapped.reason.endswith("an object of that name is part of the kernel with RAS_CEC")


def test_options_selected_by_the_machines_own_need_nothing_else() -> None:
    """A codec that the machine's own sound card selects, through another option, does not add another card."""
    found = sound_fit(Fact(FactKind.MODULE, "codec"), Fact(FactKind.MODULE, "intel_card"))

    assert ["CODEC", "INTEL_CARD", "SND"] == [it.option for it in found.needed]
    assert () == found.blocked


def test_options_selected_only_by_other_drivers_are_reported() -> None:
    """A codec without a prompt does not add the driver of another sound card; the report names the candidates."""
    found = sound_fit(device("acpi:CODEC:"))

    assert ((), ["CODEC"]) == (found.needed, [it.option for it in found.blocked])
    assert "AMD_CARD or BOARD" in str(found.blocked[0])


def test_a_library_is_selected_by_a_feature_rather_than_a_module() -> None:
    """A feature that is not in the list of modules may use a library; a module would be in the list."""
    assert {"ARC4", "FEATURE"} == {it.option for it in sound_fit(Fact(FactKind.MODULE, "arc4")).needed}
    found = sound_fit(Fact(FactKind.MODULE, "lib"))
    assert ((), ["LIB"]) == (found.needed, [it.option for it in found.blocked])


def test_options_on_by_default_select_too() -> None:
    """A feature that a driver turns on by default needs nothing else."""
    assert {"DRIVER", "HELPER"} == {
        it.option for it in sound_fit(Fact(FactKind.MODULE, "helper"), Fact(FactKind.MODULE, "driver")).needed
    }
