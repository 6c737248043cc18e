"""Devices that people see, hear and touch: screens, sound, keyboards, pointers, cameras, USB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, when_at_least, when_between, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


INPUT: dict[str, Asked] = {
    # drivers/input/Kconfig, drivers/hid/Kconfig; keyboards are built in, for the shell of an initramfs
    "INPUT": YES,
    "INPUT_EVDEV": YES,
    "INPUT_KEYBOARD": YES,
    "INPUT_MOUSE": YES,
    "INPUT_TOUCHSCREEN": YES,
    "INPUT_JOYSTICK": YES,
    "INPUT_MISC": YES,
    "INPUT_UINPUT": MODULE,
    "KEYBOARD_ATKBD": YES,
    "MOUSE_PS2": YES,
    "MOUSE_ELAN_I2C": MODULE,
    "RMI4_CORE": MODULE,
    "RMI4_SMB": MODULE,
    "JOYSTICK_XPAD": MODULE,
    "JOYSTICK_XPAD_FF": YES,
    "HID": YES,
    "HID_GENERIC": YES,
    "HIDRAW": YES,
    "UHID": MODULE,
    "USB_HID": YES,
    "USB_HIDDEV": YES,
    "I2C_HID": when_older("5.12", MODULE),
    "I2C_HID_ACPI": when_at_least("5.12", MODULE),
    "HID_ALPS": MODULE,
    "HID_APPLE": MODULE,
    "HID_ASUS": MODULE,
    "HID_BATTERY_STRENGTH": YES,
    "HID_LENOVO": MODULE,
    "HID_LOGITECH": MODULE,
    "HID_LOGITECH_DJ": MODULE,
    "HID_LOGITECH_HIDPP": MODULE,
    "HID_MICROSOFT": MODULE,
    "HID_MULTITOUCH": MODULE,
    "HID_NINTENDO": when_at_least("5.16", MODULE),
    "HID_PLAYSTATION": when_at_least("5.12", MODULE),
    "HID_RMI": MODULE,
    "HID_SONY": MODULE,
    "HID_STEAM": MODULE,
    "HID_WACOM": MODULE,
    "NEW_LEDS": YES,
    "LEDS_CLASS": YES,
    "LEDS_CLASS_MULTICOLOR": when_at_least("5.9", MODULE),
    "LEDS_TRIGGERS": YES,
}

USB: dict[str, Asked] = {
    # drivers/usb/Kconfig; host controllers are built in: a root on a stick, a keyboard before the root
    "USB_SUPPORT": YES,
    "USB": YES,
    "USB_PCI": YES,
    "USB_XHCI_HCD": YES,
    "USB_EHCI_HCD": YES,
    "USB_OHCI_HCD": YES,
    "USB_UHCI_HCD": YES,
    "USB_ACM": MODULE,
    "USB_PRINTER": MODULE,
    "USB_MON": MODULE,
    "USB_SERIAL": MODULE,
    "USB_SERIAL_CH341": MODULE,
    "USB_SERIAL_CP210X": MODULE,
    "USB_SERIAL_FTDI_SIO": MODULE,
    "USB_SERIAL_PL2303": MODULE,
    "TYPEC": MODULE,
    "TYPEC_UCSI": MODULE,
    "UCSI_ACPI": MODULE,
    "TYPEC_DP_ALTMODE": when_at_least("4.19", MODULE),
}

BUSES: dict[str, Asked] = {
    # see drivers/{i2c,spi,gpio}/Kconfig: options that are easily forgotten, according to stal/IX' guide
    "I2C": YES,
    "I2C_CHARDEV": MODULE,
    "I2C_DESIGNWARE_CORE": YES,
    "I2C_DESIGNWARE_PLATFORM": YES,
    "SPI": YES,
    "SPI_MASTER": YES,
    "GPIOLIB": YES,
    "SERIAL_8250": YES,
    "SERIAL_8250_CONSOLE": YES,
}

SCREENS: dict[str, Asked] = {
    # drivers/gpu/drm/Kconfig, drivers/video/Kconfig; modules, except the firmware's frame buffer (fragment efi)
    "TTY": YES,
    "VT": YES,
    "FB": YES,
    "DRM": YES,
    "DRM_FBDEV_EMULATION": YES,
    "FRAMEBUFFER_CONSOLE": YES,
    "DRM_AMDGPU": MODULE,
    "DRM_AMD_DC": YES,
    "DRM_RADEON": MODULE,
    "DRM_NOUVEAU": MODULE,
    "DRM_AST": MODULE,
    "DRM_MGAG200": MODULE,
    "DRM_UDL": MODULE,
    "DRM_QXL": MODULE,
    "DRM_BOCHS": MODULE,
    "DRM_CIRRUS_QEMU": MODULE,
    "BACKLIGHT_CLASS_DEVICE": YES,
}

SOUND: dict[str, Asked] = {
    # sound/Kconfig, sound/pci/hda/Kconfig
    "SOUND": YES,
    "SND": MODULE,
    "SND_PCI": YES,
    "SND_USB": YES,
    "SND_HDA_INTEL": MODULE,
    "SND_HDA_HWDEP": YES,
    "SND_HDA_INPUT_BEEP": YES,
    "SND_HDA_PATCH_LOADER": YES,
    "SND_HDA_CODEC_HDMI": MODULE,
    "SND_HDA_CODEC_REALTEK": MODULE,
    "SND_HDA_CODEC_CONEXANT": MODULE,
    "SND_HDA_CODEC_ANALOG": MODULE,
    "SND_HDA_CODEC_SIGMATEL": MODULE,
    "SND_HDA_CODEC_VIA": MODULE,
    "SND_HDA_CODEC_CIRRUS": MODULE,
    "SND_HDA_CODEC_CA0132": MODULE,
    "SND_USB_AUDIO": MODULE,
    "SND_HRTIMER": MODULE,
    "SND_SEQUENCER": MODULE,
    "SND_ALOOP": MODULE,
    "SND_DRIVERS": YES,
    "SND_SOC": MODULE,
}

PC: dict[str, Asked] = {
    # see drivers/gpu/drm/{i915,xe}/Kconfig, drivers/{i2c,video,input/serio}/…
    "SERIO_I8042": YES,
    "I2C_I801": MODULE,
    "I2C_PIIX4": MODULE,
    "I2C_AMD_MP2": when_at_least("5.2", MODULE),
    "DRM_I915": MODULE,
    "DRM_XE": when_at_least("6.8", MODULE),
    "DRM_GMA500": MODULE,
    "HSA_AMD": YES,
    "VGA_CONSOLE": YES,
    "VGA_SWITCHEROO": YES,
    "AMD_SFH_HID": when_at_least("5.11", MODULE),
    "INTEL_ISH_HID": MODULE,
    "SND_INTEL8X0": MODULE,
    "SND_HDA_SCODEC_CS35L41_I2C": when_at_least("5.17", MODULE),
    "SND_HDA_SCODEC_CS35L41_SPI": when_at_least("5.17", MODULE),
}

FIRMWARE_SOUND: dict[str, Asked] = {
    # Sound Open Firmware, sound/soc/sof/Kconfig, sound/soc/{intel,amd}/Kconfig: laptops since about 2019
    "SND_SOC_SOF_TOPLEVEL": when_at_least("5.2", YES),
    "SND_SOC_SOF_PCI": when_at_least("5.2", MODULE),
    "SND_SOC_SOF_ACPI": when_at_least("5.2", MODULE),
    "SND_SOC_SOF_INTEL_TOPLEVEL": when_at_least("5.2", YES),
    "SND_SOC_SOF_HDA_LINK": when_at_least("5.2", YES),
    "SND_SOC_SOF_HDA_AUDIO_CODEC": when_at_least("5.2", YES),
    "SND_SOC_SOF_INTEL_SOUNDWIRE_LINK": when_between("5.10", "5.12", YES),
    **{
        f"SND_SOC_SOF_{chip}_SUPPORT": when_between("5.10", "5.12", YES)
        for chip in ("CANNONLAKE", "COFFEELAKE", "COMETLAKE_LP", "ICELAKE", "JASPERLAKE", "TIGERLAKE")
    },
    "SND_SOC_SOF_CANNONLAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_COMETLAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_ICELAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_JASPERLAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_TIGERLAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_ALDERLAKE": when_at_least("5.12", MODULE),
    "SND_SOC_SOF_METEORLAKE": when_at_least("6.0", MODULE),
    "SND_SOC_SOF_LUNARLAKE": when_at_least("6.7", MODULE),
    "SND_SOC_SOF_AMD_TOPLEVEL": when_at_least("5.17", MODULE),
    "SND_SOC_SOF_AMD_RENOIR": when_at_least("5.17", MODULE),
    "SND_SOC_SOF_AMD_REMBRANDT": when_at_least("6.0", MODULE),
    "SND_SOC_INTEL_MACH": YES,
    "SND_SOC_INTEL_USER_FRIENDLY_LONG_NAMES": when_at_least("5.10", YES),
    "SND_SOC_INTEL_SKL_HDA_DSP_GENERIC_MACH": when_at_least("4.20", MODULE),
    "SND_SOC_INTEL_SOUNDWIRE_SOF_MACH": when_at_least("5.7", MODULE),
    "SND_SOC_DMIC": MODULE,
    "SOUNDWIRE": when_at_least("4.16", MODULE),
    "SOUNDWIRE_INTEL": when_at_least("4.16", MODULE),
    "SND_SOC_AMD_RENOIR": when_at_least("5.9", MODULE),
    "SND_SOC_AMD_RENOIR_MACH": when_at_least("5.9", MODULE),
    "SND_SOC_AMD_ACP6x": when_at_least("5.16", MODULE),
    "SND_SOC_AMD_YC_MACH": when_at_least("5.16", MODULE),
    "SND_AMD_ACP_CONFIG": when_at_least("5.17", MODULE),
}

CAMERAS: dict[str, Asked] = {
    # drivers/media/Kconfig
    "MEDIA_SUPPORT": MODULE,
    "MEDIA_SUPPORT_FILTER": when_at_least("5.8", YES),
    "MEDIA_CAMERA_SUPPORT": YES,
    "MEDIA_USB_SUPPORT": YES,
    "USB_VIDEO_CLASS": MODULE,
    "IIO": MODULE,
    "HID_SENSOR_HUB": MODULE,
    "HID_SENSOR_IIO_COMMON": MODULE,
    "HID_SENSOR_ALS": MODULE,
    "HID_SENSOR_ACCEL_3D": MODULE,
}

OPTIONS: dict[str, Asked] = {
    **INPUT,
    **USB,
    **BUSES,
    **SCREENS,
    **SOUND,
    **CAMERAS,
    **only_on("x86_64", PC | FIRMWARE_SOUND),
}

FRAGMENT = tried(Fragment("common devices", OPTIONS, priority=Priority.DEFAULT))
