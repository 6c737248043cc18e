"""Tests for derivations.hardware.c_source.source, and through it devicetable and headers."""

from __future__ import annotations

import pytest

from derivations.hardware.c_source.headers import Headers
from derivations.hardware.c_source.source import CSource, is_worth_reading, read_source


HEADERS = {
    "include/linux/mod_devicetable.h": "#define PCI_ANY_ID (~0)\n#define HID_BUS_ANY 0xffff\n#define HID_GROUP_ANY 0\n"
    "#define DMI_MATCH(a, b) { .slot = a, .substr = b }\n",
    "include/linux/uuid.h": (
        "#define GUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7) \\\n((guid_t) \\\n"
        "{{ (a) & 0xff, ((a) >> 8) & 0xff, ((a) >> 16) & 0xff, ((a) >> 24) & 0xff, \\\n"
        "   (b) & 0xff, ((b) >> 8) & 0xff, (c) & 0xff, ((c) >> 8) & 0xff, \\\n"
        "   (d0), (d1), (d2), (d3), (d4), (d5), (d6), (d7) }})\n"
    ),
    "include/linux/pci_ids.h": "#define PCI_VENDOR_ID_INTEL 0x8086\n",
    "include/linux/pci.h": (
        "#define PCI_DEVICE(vend, dev) \\\n\t.vendor = (vend), .device = (dev), \\\n"
        "\t.subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID\n"
        "#define PCI_VDEVICE(vend, dev) \\\n\t.vendor = PCI_VENDOR_ID_##vend, .device = (dev), \\\n"
        "\t.subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID, 0, 0\n"
        "#define PCI_DEVICE_CLASS(c, m) \\\n\t.class = (c), .class_mask = (m), .vendor = PCI_ANY_ID, \\\n"
        "\t.device = PCI_ANY_ID, .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID\n"
    ),
    "include/linux/stringify.h": "#define __stringify_1(x...) #x\n#define __stringify(x...) __stringify_1(x)\n",
    "include/linux/fs.h": '#define MODULE_ALIAS_FS(NAME) MODULE_ALIAS("fs-" NAME)\n',
    "include/linux/usb.h": (
        "#define USB_DEVICE(v, p) .match_flags = 3, .idVendor = (v), .idProduct = (p)\n"
        "#define USB_INTERFACE_INFO(c, s, p) .match_flags = 0x380, .bInterfaceClass = (c), \\\n"
        "\t.bInterfaceSubClass = (s), .bInterfaceProtocol = (p)\n"
    ),
    "drivers/x/ids.h": '#include "deep.h"\n#define MINE_ID 0x42\n',
    "drivers/x/deep.h": "#define DEEP_ID 0x43\n",
    "drivers/shared/far.h": "#define FAR_ID 0x44\n",
    "drivers/x/unusual.h": 'UNUSUAL(0x1, 0x2, "x") /* a comment */\nUNUSUAL(0x3, 0x4, "y")\n#define UNUSED 1\n',
    "drivers/x/table_ids.h": "const struct pci_device_id far_table[] = { { PCI_DEVICE(1, 2) }, { 0 } };\n",
}


def read(text: str, *places: str) -> CSource:
    """Return the facts in *text* as the source drivers/x/x.c."""
    return read_source("drivers/x/x.c", text, Headers(HEADERS.get, "x86"), places)


def table(kind: str, structure: str, body: str, before: str = "") -> str:
    return (
        f"{before}\nstatic const struct {structure} t[] = {{\n{body}\n\t{{ }}\n}};\nMODULE_DEVICE_TABLE({kind}, t);\n"
    )


@pytest.mark.parametrize(
    ("kind", "structure", "body", "expected"),
    [
        pytest.param(
            "pci", "pci_device_id", "{ PCI_VDEVICE(INTEL, 0x2723), (long)&cfg },",
            ["pci:v00008086d00002723sv*sd*bc*sc*i*"], id="pci",
        ),
        pytest.param(
            "pci", "pci_device_id", "{ 0x1, 0x2, PCI_ANY_ID, 0x3, 0, 0, board },",
            ["pci:v00000001d00000002sv*sd00000003bc*sc*i*"], id="pci-positional",
        ),
        pytest.param(
            "pci", "pci_device_id", "{ PCI_DEVICE_CLASS(0x010802, 0xffffff) },",
            ["pci:v*d*sv*sd*bc01sc08i02*"], id="pci-class",
        ),
        pytest.param(
            "pci", "pci_device_id", "{ PCI_DEVICE_CLASS(0x010800, 0xffff00) },",
            ["pci:v*d*sv*sd*bc01sc08i*"], id="pci-class-part",
        ),
        pytest.param("pci", "pci_device_id", "{ 0, 0, 0x3 },", [], id="pci-nothing"),
        pytest.param("pci", "pci_device_id", "{ PCI_DEVICE(PCI_ANY_ID, PCI_ANY_ID) },", [], id="pci-anything"),
        pytest.param(
            "pci", "pci_device_id", "{ PCI_DEVICE(1, 2), .override_only = 1 },",
            ["vfio_pci:v00000001d00000002sv*sd*bc*sc*i*"], id="pci-override",
        ),
        pytest.param(
            "usb", "usb_device_id", "{ USB_DEVICE(0x46d, 0xc52b) },",
            ["usb:v046DpC52Bd*dc*dsc*dp*ic*isc*ip*in*"], id="usb",
        ),
        pytest.param(
            "usb", "usb_device_id", "{ USB_INTERFACE_INFO(8, 6, 0x50) },",
            ["usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*"], id="usb-interface",
        ),
        pytest.param(
            "hid", "hid_device_id", "{ .bus = 3, .group = HID_GROUP_ANY, .vendor = 0x46d, .product = 0x1 },",
            ["hid:b0003g*v0000046Dp00000001"], id="hid",
        ),
        pytest.param("acpi", "acpi_device_id", '{ "PNP0C0A", 0 },', ["acpi*:PNP0C0A:*"], id="acpi"),
        pytest.param("acpi", "acpi_device_id", "{ .cls = 0x010601, .cls_msk = 0xffff00 },", ["acpi*:0106??:*"], id="acpi-class"),
        pytest.param("pnp", "pnp_device_id", '{ .id = "pnp0303" },', ["acpi*:PNP0303:*", "pnp:dpnp0303*"], id="pnp"),
        pytest.param("virtio", "virtio_device_id", "{ 2, 0xffffffff },", ["virtio:d00000002v*"], id="virtio"),
        pytest.param("i2c", "i2c_device_id", '{ "lm75", 1 }, { .name = "tmp" },', ["i2c:lm75", "i2c:tmp"], id="i2c"),
        pytest.param(
            "of", "of_device_id", '{ .compatible = "a,b" },', ["of:N*T*Ca,b", "of:N*T*Ca,bC*"], id="of"
        ),
        pytest.param("sdio", "sdio_device_id", "{ 0xff, 0x2d0, 0x1 },", ["sdio:c*v02D0d0001*"], id="sdio"),
        pytest.param("serio", "serio_device_id", "{ .type = 1, .proto = 0xff, .id = 0xff, .extra = 0xff },",
                     ["serio:ty01pr*id*ex*"], id="serio"),
        pytest.param("hdaudio", "hda_device_id", "{ .vendor_id = 0x10ec0269, .api_version = SOME_ENUM },",
                     ["hdaudio:v10EC0269r*a*"], id="hdaudio"),
        pytest.param("vmbus", "hv_vmbus_device_id", "{ .guid = { { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 } } },",
                     ["vmbus:0102030405060708090a0b0c0d0e0f10"], id="vmbus"),
        pytest.param("vmbus", "hv_vmbus_device_id", "{ .guid = GUID_INIT(0xba6163d9, 0x04a1, 0x4d29, 0xb6, 5, 0x72, 0xe2, 0xff, 0xb1, 0xdc, 0x7f) },",
                     ["vmbus:d96361baa104294db60572e2ffb1dc7f"], id="vmbus-macro"),
        pytest.param("ishtp", "ishtp_device_id", "{ .guid = GUID_INIT(0x33AECD58, 0xB679, 0x4E54, 0x9B, 0xD9, 0xA0, 0x4D, 0x34, 0xF0, 0xC2, 0x26), },",
                     ["ishtp:{33AECD58-B679-4E54-9BD9-A04D34F0C226}"], id="ishtp"),
        pytest.param("mei", "mei_cl_device_id", '{ .uuid = GUID_INIT(0x33AECD58, 0xB679, 0x4E54, 0x9B, 0xD9, 0xA0, 0x4D, 0x34, 0xF0, 0xC2, 0x26), .version = 0xff }, { "pn544", { 0 }, 2 },',
                     ["mei:*:33aecd58-b679-4e54-9bd9-a04d34f0c226:*:*", "mei:pn544:*:02:*"], id="mei"),
        pytest.param("tee", "tee_client_device_id", "{ { { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 } } },",
                     ["tee:01020304-0506-0708-090a-0b0c0d0e0f10*"], id="tee"),
        pytest.param("sdw", "sdw_device_id", "{ .mfg_id = 0x025d, .part_id = 0x711, .sdw_version = 0x3, .class_id = 0x1 }, { 0x25d, 0x700 },",
                     ["sdw:m025Dp0700v*c*", "sdw:m025Dp0711v03c01*"], id="sdw"),
        pytest.param("amba", "amba_id", "{ .id = 0x00041031, .mask = 0x000fffff },", ["amba:d???41031"], id="amba"),
        pytest.param("mhi", "mhi_device_id", '{ .chan = "IPCR" },', ["mhi:IPCR"], id="mhi"),
        pytest.param("rpmsg", "rpmsg_device_id", '{ .name = "rpmsg-tty" },', ["rpmsg:rpmsg-tty"], id="rpmsg"),
        pytest.param("coreboot", "coreboot_device_id", "{ .tag = 0x31 },", ["coreboot:t00000031"], id="coreboot"),
        pytest.param(
            "dmi", "dmi_system_id",
            '{ .ident = "x", .matches = { DMI_MATCH(DMI_PRODUCT_NAME, "Mac Book:1"), DMI_MATCH(DMI_SYS_VENDOR, "Apple") } },',
            ["dmi*:svn*Apple*:pn*MacBook1*:"], id="dmi",
        ),
        pytest.param("x86cpu", "x86_cpu_id", "{ .vendor = 0, .family = 6, .model = 0x9e, .feature = 0 },",
                     ["cpu:type:x86,ven0000fam0006mod009E:feature:**"], id="x86cpu"),
        pytest.param("wmi", "wmi_device_id", '{ .guid_string = "ABC" },', ["wmi:ABC*"], id="wmi"),
        pytest.param("unheard-of", "strange_id", "{ 1 },", [], id="unknown-kind"),
    ],
)  # fmt: skip
def test_tables_of_every_kind(kind: str, structure: str, body: str, expected: list[str]) -> None:
    """The entries of a table give the same patterns as modpost."""
    found = read(table(kind, structure, body))

    assert sorted(expected) == sorted(found.aliases)
    assert 0 == found.unreadable


@pytest.mark.parametrize(
    ("name", "before"),
    [
        pytest.param("MINE_ID", '#include "ids.h"', id="beside"),
        pytest.param("DEEP_ID", '#include "ids.h"', id="included-by-the-header"),
        pytest.param("FAR_ID", "#include <far.h>", id="where-the-flags-say"),
        pytest.param("OWN_ID", "#define OWN_ID 0x45", id="own"),
        pytest.param("OWN_ID", "#define OWN_ID /* why */ 0x46 // so", id="own-with-comments"),
    ],
)
def test_names_are_found_in_headers(name: str, before: str) -> None:
    """A number may be a name defined in a header."""
    found = read(table("pci", "pci_device_id", f"{{ PCI_DEVICE(0x8086, {name}) }},", before), "drivers/shared")

    (alias,) = found.aliases
    assert alias.startswith("pci:v00008086d0000004")


def test_headers_of_the_tables_in_pieces() -> None:
    """Since 7.2, the header of the tables only includes headers, one per bus."""
    pieces = {
        **HEADERS,
        "include/linux/mod_devicetable.h": '#include "device-id/pci.h"\n',
        "include/linux/device-id/pci.h": HEADERS["include/linux/mod_devicetable.h"],
    }
    found = read_source(
        "drivers/x/x.c", table("pci", "pci_device_id", "{ PCI_DEVICE(1, 2) },"), Headers(pieces.get, "x86")
    )

    assert ("pci:v00000001d00000002sv*sd*bc*sc*i*",) == found.aliases


def test_a_source_that_includes_others() -> None:
    """C files that a source includes are read as part of it, including tables and their names."""
    files = {
        **HEADERS,
        "drivers/x/part.c": "static const struct pci_device_id t[] = { { PCI_DEVICE(1, 2) }, { } };\nMODULE_DEVICE_TABLE(pci, t);\n",
    }
    text = 'static int x;\n#include "part.c"\n'

    assert is_worth_reading(text.encode())
    assert ("pci:v00000001d00000002sv*sd*bc*sc*i*",) == read_source(
        "drivers/x/x.c", text, Headers(files.get, "x86")
    ).aliases


def test_a_table_in_a_general_header() -> None:
    """A table may be in a header of ids that is not beside the source."""
    files = {
        **HEADERS,
        "include/linux/input/pad-ids.h": 'static const struct acpi_device_id ids[] = { { "ELAN0600", 0 }, { } };\n',
    }
    text = "#include <linux/input/pad-ids.h>\nMODULE_DEVICE_TABLE(acpi, ids);\n"

    assert ("acpi*:ELAN0600:*",) == read_source("drivers/x/x.c", text, Headers(files.get, "x86")).aliases


def test_a_macro_after_a_designated_field() -> None:
    """A macro for several fields is expanded anywhere in an entry."""
    before = "#define MT_DEVICE(v, p) .bus = 3, .group = 2, .vendor = (v), .product = (p)"
    found = read(table("hid", "hid_device_id", "{ .driver_data = MT_CLS, MT_DEVICE(0x46d, 0x1) },", before))

    assert ("hid:b0003g0002v0000046Dp00000001",) == found.aliases


def test_unreadable_entries_are_counted() -> None:
    """An entry with an undefined name gives no pattern and is counted, and so is an entry that is such a name."""
    entries = "{ PCI_DEVICE(0x8086, NOWHERE) },\n{ PCI_DEVICE(1, 2) },\nNOBODY(3),"
    found = read(table("pci", "pci_device_id", entries))

    assert 2 == found.unreadable
    assert ("pci:v00000001d00000002sv*sd*bc*sc*i*",) == found.aliases


def test_macros_that_make_whole_entries() -> None:
    """A macro may expand to an entry with its braces, or to several."""
    before = "#define CARD(d) { PCI_DEVICE(1, d) }\n#define CARDS CARD(2), CARD(3)"
    found = read(table("pci", "pci_device_id", "CARD(1),\nCARDS,", before))

    assert [f"pci:v00000001d0000000{it}sv*sd*bc*sc*i*" for it in (1, 2, 3)] == list(found.aliases)


def test_a_table_may_include_its_entries() -> None:
    """`#include` between the braces of a table includes entries, not definitions."""
    before = "#define UNUSUAL(v, p, name) { USB_DEVICE(v, p) },"
    found = read(table("usb", "usb_device_id", '#include "unusual.h"', before))

    assert ["usb:v0001p0002d*dc*dsc*dp*ic*isc*ip*in*", "usb:v0003p0004d*dc*dsc*dp*ic*isc*ip*in*"] == list(found.aliases)


def test_a_table_may_be_in_a_header() -> None:
    """A driver's table is found in a header of its own."""
    text = '#include "table_ids.h"\nMODULE_DEVICE_TABLE(pci, far_table);\n'

    assert ("pci:v00000001d00000002sv*sd*bc*sc*i*",) == read(text).aliases


def test_a_table_of_a_driver_that_is_not_a_module() -> None:
    """A table that only a driver's structure refers to is read; an unused one is not."""
    text = (
        "static const struct pci_device_id used[] = { { PCI_DEVICE(1, 2) }, { } };\n"
        "static const struct pci_device_id quirks[] = { { PCI_DEVICE(3, 4) }, { } };\n"
        "static void probe(void) { management.id_table = quirks; x = (struct y) { .id_table = quirks }; }\n"
        'static struct pci_driver d = { .name = "port", .id_table = used, };\n'
    )
    found = read(text)

    assert ("pci:v00000001d00000002sv*sd*bc*sc*i*",) == found.aliases
    assert (("pci", "port"),) == found.drivers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('struct pci_driver d = { .name = "a-b", };', ("pci", "a-b"), id="string"),
        pytest.param('#define NAME "mac"\nstruct usb_driver d = { .name = NAME, };', ("usb", "mac"), id="macro"),
        pytest.param(
            "struct pci_driver d = {\n\t.name = KBUILD_MODNAME,\n};", ("pci", "KBUILD_MODNAME"), id="module-name"
        ),
        pytest.param(
            'static const char hcd_name[] = "xhci_hcd";\nstatic struct pci_driver d = { .name = hcd_name, };',
            ("pci", "xhci_hcd"), id="variable",
        ),
        pytest.param(
            'static struct platform_driver d = { .probe = p, .driver = { .name = "plat", }, };', ("platform", "plat"),
            id="nested",
        ),
    ],
)  # fmt: skip
def test_names_of_drivers(text: str, expected: tuple[str, str]) -> None:
    """A driver's name is a string, a macro, the module's name, or a variable."""
    assert (expected,) == read(text).drivers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('MODULE_FIRMWARE("a.bin");', ["a.bin"], id="string"),
        pytest.param('#define P "dir/"\nMODULE_FIRMWARE(P "a.bin");', ["dir/a.bin"], id="joined"),
        pytest.param(
            '#include <linux/stringify.h>\n#define API 72\n#define F(a) "cc-" __stringify(a) ".ucode"\nMODULE_FIRMWARE(F(API));',
            ["cc-72.ucode"], id="nested-macros",
        ),
        pytest.param(
            '#define FW(n) MODULE_FIRMWARE("x/" n "_a.bin"); MODULE_FIRMWARE("x/" n "_b.bin")\nFW("chip");',
            ["x/chip_a.bin", "x/chip_b.bin"], id="wrapped",
        ),
        pytest.param("MODULE_FIRMWARE(UNKNOWN);", [], id="unknown"),
    ],
)  # fmt: skip
def test_firmware(text: str, expected: list[str]) -> None:
    """`MODULE_FIRMWARE` is found through macros in its argument and around it."""
    assert expected == list(read(text).firmware)


def test_aliases_and_soft_dependencies() -> None:
    """`MODULE_ALIAS`, macros that use it, and `MODULE_SOFTDEP` are read."""
    found = read('MODULE_ALIAS("platform:x");\nMODULE_ALIAS_FS("ext4");\nMODULE_SOFTDEP("pre: crc32c");\n')

    assert ("platform:x", "fs-ext4") == found.aliases
    assert ("pre: crc32c",) == found.softdeps


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"MODULE_DEVICE_TABLE(pci, t);", True, id="table"),
        pytest.param(b"static struct pci_driver x = {", True, id="driver"),
        pytest.param(b"int probe(struct pci_driver *d);", False, id="use-of-a-driver"),
        pytest.param(b"int main(void) { }", False, id="nothing"),
    ],
)
def test_search_in_the_bytes(data: bytes, expected: bool) -> None:
    """Most sources are skipped after a quick search in their bytes."""
    assert expected is is_worth_reading(data)


@pytest.mark.parametrize(
    "text", ["", "{", "MODULE_FIRMWARE(", "struct pci_driver x = {", '"', "MODULE_DEVICE_TABLE(pci, t);"]
)
def test_broken_sources(text: str) -> None:
    """A source that is cut off has no facts, and causes no error."""
    assert CSource() == read(text)
