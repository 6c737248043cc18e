"""Boards and processors: ACPI, PCI, power, clocks, watchdogs, TPM; hosts and guests of virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, when_arch, when_at_least, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


BUSES: dict[str, Asked] = {
    # see drivers/{acpi,pci,thunderbolt}/Kconfig
    "ACPI": YES,
    "ACPI_AC": MODULE,
    "ACPI_BATTERY": MODULE,
    "ACPI_BUTTON": YES,
    "ACPI_FAN": MODULE,
    "ACPI_PROCESSOR": YES,
    "ACPI_THERMAL": MODULE,
    "ACPI_TABLE_UPGRADE": YES,
    "ACPI_APEI": YES,
    "ACPI_APEI_GHES": YES,
    "PCI": YES,
    "PCI_MSI": YES,
    "PCIEPORTBUS": YES,
    "PCIEAER": YES,
    "PCIE_DPC": YES,
    "PCIEASPM": YES,
    "PCI_IOV": YES,
    "PCI_PASID": YES,
    "PCI_PRI": YES,
    "HOTPLUG_PCI": YES,
    "HOTPLUG_PCI_PCIE": YES,
    "HOTPLUG_PCI_ACPI": YES,
    "THUNDERBOLT": when_older("5.6", MODULE),
    "USB4": when_at_least("5.6", MODULE),
    "IOMMU_SUPPORT": YES,
}

PC: dict[str, Asked] = {
    # see arch/x86/Kconfig and drivers/{cpufreq,idle,mfd,pinctrl,platform/x86}/Kconfig
    "X86_MCE": YES,
    "X86_MCE_INTEL": YES,
    "X86_MCE_AMD": YES,
    "X86_X2APIC": YES,
    "X86_MSR": MODULE,
    "X86_CPUID": MODULE,
    "ACPI_VIDEO": MODULE,
    "ACPI_DOCK": YES,
    "INTEL_IOMMU": YES,
    "AMD_IOMMU": YES,
    "IRQ_REMAP": YES,
    "VMD": YES,  # many Intel laptops have their NVMe disks behind it
    "INTEL_IDLE": YES,
    "X86_INTEL_PSTATE": YES,
    "X86_AMD_PSTATE": when_at_least("5.17", YES),
    "X86_ACPI_CPUFREQ": YES,
    "X86_INTEL_LPSS": YES,
    "X86_AMD_PLATFORM_DEVICE": YES,
    "MFD_INTEL_LPSS_ACPI": MODULE,
    "MFD_INTEL_LPSS_PCI": MODULE,
    "INTEL_IDMA64": MODULE,
    "LPC_ICH": MODULE,
    "LPC_SCH": MODULE,
    "INTEL_MEI": MODULE,
    "INTEL_MEI_ME": MODULE,
    "PINCTRL_AMD": YES,  # touchpads' interrupts
    "PINCTRL_BAYTRAIL": YES,
    "PINCTRL_CHERRYVIEW": YES,
    "PINCTRL_SUNRISEPOINT": YES,
    "PINCTRL_CANNONLAKE": YES,
    "PINCTRL_ICELAKE": YES,
    "PINCTRL_TIGERLAKE": when_at_least("5.5", YES),
    "PINCTRL_ALDERLAKE": when_at_least("5.13", YES),
    "PINCTRL_METEORLAKE": when_at_least("6.0", YES),
    "RTC_DRV_CMOS": YES,
    "HPET": YES,
    "EDAC_AMD64": MODULE,
    "EDAC_SKX": MODULE,
    "EDAC_IGEN6": when_at_least("5.11", MODULE),
    "X86_PKG_TEMP_THERMAL": MODULE,
    "INTEL_POWERCLAMP": MODULE,
    "INTEL_RAPL": MODULE,
    "SENSORS_CORETEMP": MODULE,
    "SENSORS_K10TEMP": MODULE,
    "SENSORS_NCT6775": MODULE,
    "SENSORS_IT87": MODULE,
    "ITCO_WDT": MODULE,
    "SP5100_TCO": MODULE,
}

LAPTOPS: dict[str, Asked] = {
    # drivers/platform/x86/Kconfig: keys, fans, batteries, rfkill
    "X86_PLATFORM_DEVICES": YES,
    "ACPI_WMI": MODULE,
    "WMI_BMOF": MODULE,
    "ACER_WMI": MODULE,
    "AMD_PMC": when_at_least("5.11", MODULE),
    "ASUS_LAPTOP": MODULE,
    "ASUS_WMI": MODULE,
    "ASUS_NB_WMI": MODULE,
    "X86_PLATFORM_DRIVERS_DELL": when_at_least("5.12", YES),
    "DELL_LAPTOP": MODULE,
    "DELL_SMBIOS": MODULE,
    "DELL_WMI": MODULE,
    "DCDBAS": MODULE,
    "DELL_RBU": NO,  # selects FW_LOADER_USER_HELPER, which systemd's README wants off
    "HP_WMI": MODULE,
    "X86_PLATFORM_DRIVERS_HP": when_at_least("6.1", YES),
    "IDEAPAD_LAPTOP": MODULE,
    "INTEL_HID_EVENT": MODULE,
    "INTEL_VBTN": MODULE,
    "INTEL_VSEC": when_at_least("5.18", MODULE),
    "INTEL_PMT_TELEMETRY": when_at_least("5.11", MODULE),
    "INTEL_PMC_CORE": MODULE,
    "LG_LAPTOP": MODULE,
    "MSI_WMI": MODULE,
    "PANASONIC_LAPTOP": MODULE,
    "SAMSUNG_LAPTOP": MODULE,
    "SONY_LAPTOP": MODULE,
    "THINKPAD_ACPI": MODULE,
    "ACPI_TOSHIBA": MODULE,
    "SURFACE_PLATFORMS": when_at_least("5.11", YES),
    "APPLE_GMUX": MODULE,
}

POWER: dict[str, Asked] = {
    # see drivers/{cpufreq,powercap,thermal,watchdog,char/tpm,char/ipmi}/Kconfig
    "PM": YES,
    "CPU_FREQ": YES,
    "CPU_FREQ_DEFAULT_GOV_SCHEDUTIL": YES,  # x86_64_defconfig leaves the speed to user space
    "CPU_FREQ_GOV_PERFORMANCE": YES,
    "CPU_FREQ_GOV_POWERSAVE": YES,
    "CPU_FREQ_GOV_ONDEMAND": YES,
    "CPU_FREQ_GOV_SCHEDUTIL": YES,
    "CPU_IDLE": YES,
    "POWERCAP": YES,
    "THERMAL": YES,
    "HWMON": YES,
    "WATCHDOG": YES,
    "SOFT_WATCHDOG": MODULE,
    "TCG_TPM": YES,
    "TCG_TIS": YES,
    "TCG_CRB": YES,
    "HW_RANDOM": YES,
    "HW_RANDOM_TPM": YES,
    "RTC_CLASS": YES,
    "RTC_HCTOSYS": YES,
    "NVMEM": YES,
    "IPMI_HANDLER": MODULE,  # servers' management controllers
    "IPMI_DEVICE_INTERFACE": MODULE,
    "IPMI_SI": MODULE,
    "IPMI_SSIF": MODULE,
    "IPMI_POWEROFF": MODULE,
    "IPMI_WATCHDOG": MODULE,
    "EDAC": YES,
    "RAS": YES,
}

HOSTS: dict[str, Asked] = {
    # virt/kvm, arch/*/kvm, drivers/{vhost,vfio}/Kconfig: hosting guests
    "VIRTUALIZATION": YES,
    "KVM": [when_arch("x86_64", MODULE), when_arch("arm64", YES)],
    "VHOST_MENU": when_at_least("5.8", YES),
    "VHOST_NET": MODULE,
    "VHOST_VSOCK": MODULE,
    "VHOST_SCSI": MODULE,
    "TARGET_CORE": MODULE,
    "VFIO": MODULE,
    "VFIO_PCI": MODULE,
}

GUESTS: dict[str, Asked] = {
    # see drivers/{hv,xen,virt,misc/vmw_vmci}/Kconfig; clouds' network cards are in groups/network.py
    "HYPERVISOR_GUEST": YES,
    "PARAVIRT": YES,
    "PARAVIRT_SPINLOCKS": YES,
    "HYPERV": (when_older("6.18", MODULE), when_at_least("6.18", YES)),
    "HYPERV_VMBUS": when_at_least("6.18", MODULE),  # named HYPERV before
    "HYPERV_UTILS": MODULE,
    "HYPERV_BALLOON": MODULE,
    "HYPERV_STORAGE": MODULE,
    "HYPERV_NET": MODULE,
    "HYPERV_KEYBOARD": MODULE,
    "HID_HYPERV_MOUSE": MODULE,
    "PCI_HYPERV": MODULE,
    "DRM_HYPERV": when_at_least("5.14", MODULE),
    "XEN_PVHVM": YES,
    "XEN_BLKDEV_FRONTEND": MODULE,
    "XEN_NETDEV_FRONTEND": MODULE,
    "VMWARE_VMCI": MODULE,
    "VMWARE_VMCI_VSOCKETS": MODULE,
    "VMWARE_BALLOON": MODULE,
    "VMWARE_PVSCSI": MODULE,
    "VMXNET3": MODULE,
    "DRM_VMWGFX": MODULE,
    "VIRT_DRIVERS": YES,
    "VBOXGUEST": MODULE,
    "DRM_VBOXVIDEO": MODULE,
    "INTEL_TDX_GUEST": when_at_least("5.19", YES),
    "AMD_MEM_ENCRYPT": YES,
}

OPTIONS: dict[str, Asked] = {
    **BUSES,
    **POWER,
    **HOSTS,
    "XEN": YES,
    **only_on("x86_64", PC | LAPTOPS | GUESTS | {"KVM_INTEL": MODULE, "KVM_AMD": MODULE}),
    **only_on("arm64", {"ARM_SBSA_WATCHDOG": MODULE}),
}

FRAGMENT = tried(Fragment("common platform", OPTIONS, priority=Priority.DEFAULT))
