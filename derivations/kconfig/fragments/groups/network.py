"""Networking: protocols, cards, wireless cards, Bluetooth, modems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, when_at_least, when_between


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


PROTOCOLS: dict[str, Asked] = {
    # see net/Kconfig, net/{ipv4,ipv6,sched}/Kconfig, drivers/net/Kconfig; systemd's README
    "NET": YES,
    "UNIX": YES,
    "UNIX_DIAG": MODULE,
    "PACKET": YES,
    "PACKET_DIAG": MODULE,
    "INET": YES,
    "INET_DIAG": MODULE,  # ss
    "INET_UDP_DIAG": MODULE,
    "IPV6": YES,
    "IP_MULTICAST": YES,
    "IP_ADVANCED_ROUTER": YES,
    "IP_MULTIPLE_TABLES": YES,
    "IPV6_MULTIPLE_TABLES": YES,
    "IPV6_SIT": MODULE,
    "NET_IPIP": MODULE,
    "NET_IPGRE_DEMUX": MODULE,
    "NET_IPGRE": MODULE,
    "SYN_COOKIES": YES,
    "TCP_CONG_ADVANCED": YES,
    "TCP_CONG_BBR": MODULE,
    "MPTCP": when_at_least("5.6", YES),
    "TLS": MODULE,
    "XDP_SOCKETS": YES,
    "XFRM_USER": MODULE,
    "INET_ESP": MODULE,
    "INET6_ESP": MODULE,
    "NET_SCHED": YES,
    "NET_SCH_FQ": MODULE,
    "NET_SCH_FQ_CODEL": YES,  # systemd's default queue
    "NET_SCH_CAKE": MODULE,
    "NET_SCH_HTB": MODULE,
    "NETDEVICES": YES,
    "NET_CORE": YES,
    "BONDING": MODULE,
    "NET_TEAM": MODULE,
    "VLAN_8021Q": MODULE,
    "MACSEC": MODULE,
    "NET_VRF": MODULE,
    "NET_L3_MASTER_DEV": YES,
    "TUN": MODULE,
    "WIREGUARD": when_at_least("5.6", MODULE),
    "PPP": MODULE,
    "PPP_ASYNC": MODULE,
    "PPP_DEFLATE": MODULE,
    "PPP_MPPE": MODULE,
    "PPPOE": MODULE,
    "L2TP": MODULE,
    "PPPOL2TP": MODULE,
    "VSOCKETS": YES,
    "DNS_RESOLVER": MODULE,
    "RFKILL": YES,
    "RFKILL_INPUT": YES,
}

CARDS: dict[str, Asked] = {
    # drivers/net/ethernet/*/Kconfig
    "ETHERNET": YES,
    "E1000": MODULE,
    "E1000E": MODULE,
    "IGB": MODULE,
    "IGBVF": MODULE,
    "IGC": when_at_least("4.20", MODULE),
    "IXGBE": MODULE,
    "IXGBEVF": MODULE,
    "I40E": MODULE,
    "ICE": MODULE,
    "R8169": MODULE,
    "8139TOO": MODULE,
    "8139CP": MODULE,
    "TIGON3": MODULE,
    "BNX2": MODULE,
    "BNX2X": MODULE,
    "BNXT": MODULE,
    "ALX": MODULE,
    "ATL1C": MODULE,
    "AQTION": MODULE,
    "SKY2": MODULE,
    "MLX4_EN": MODULE,
    "MLX5_CORE": MODULE,
    "MLX5_CORE_EN": YES,
    "SFC": MODULE,
    "NET_TULIP": YES,
    "ENA_ETHERNET": MODULE,
    "GVE": when_at_least("5.3", MODULE),
    "PHYLIB": YES,
    "REALTEK_PHY": MODULE,
}

PC: dict[str, Asked] = {
    # drivers/net/ethernet/intel/Kconfig and others: cards found only in PCs
    "E100": MODULE,
    "FORCEDETH": MODULE,
    "PCNET32": MODULE,
    "ATL1": MODULE,
    "ATL1E": MODULE,
}

ADAPTERS: dict[str, Asked] = {
    # drivers/net/usb/Kconfig, drivers/net/wwan/Kconfig: docks, phones, modems
    "USB_NET_DRIVERS": MODULE,
    "USB_USBNET": MODULE,
    "USB_RTL8152": MODULE,
    "USB_RTL8150": MODULE,
    "USB_NET_AX8817X": MODULE,
    "USB_NET_AX88179_178A": MODULE,
    "USB_NET_CDCETHER": MODULE,
    "USB_NET_CDC_NCM": MODULE,
    "USB_NET_CDC_MBIM": MODULE,
    "USB_NET_QMI_WWAN": MODULE,
    "USB_NET_RNDIS_HOST": MODULE,
    "USB_NET_SMSC95XX": MODULE,
    "USB_LAN78XX": MODULE,
    "USB_IPHETH": MODULE,
    "USB_WDM": MODULE,
    "USB_SERIAL_OPTION": MODULE,
    "WWAN": when_at_least("5.13", MODULE),
}

WIRELESS: dict[str, Asked] = {
    # see net/{wireless,mac80211}/Kconfig, drivers/net/wireless/*/Kconfig; modules, since their firmware is on the root
    "WLAN": YES,
    "CFG80211": MODULE,
    "CFG80211_WEXT": YES,
    "MAC80211": MODULE,
    "MAC80211_LEDS": YES,
    "ATH9K": MODULE,
    "ATH9K_HTC": MODULE,
    "ATH10K": MODULE,
    "ATH10K_PCI": MODULE,
    "CRYPTO_MICHAEL_MIC": when_between("5.6", "6.13", MODULE),  # ATH11K depends on it
    "ATH11K": when_at_least("5.6", MODULE),
    "ATH11K_PCI": when_at_least("5.10", MODULE),
    "ATH12K": when_at_least("6.3", MODULE),
    "CARL9170": MODULE,
    "B43": MODULE,
    "BRCMSMAC": MODULE,
    "BRCMFMAC": MODULE,
    "BRCMFMAC_USB": YES,
    "BRCMFMAC_PCIE": YES,
    "IWL4965": MODULE,
    "IWL3945": MODULE,
    "IWLWIFI": MODULE,
    "IWLDVM": MODULE,
    "IWLMVM": MODULE,
    "MWIFIEX": MODULE,
    "MWIFIEX_PCIE": MODULE,
    "MT7601U": MODULE,
    "MT76x0U": when_at_least("4.20", MODULE),
    "MT76x0E": when_at_least("4.20", MODULE),
    "MT76x2U": when_at_least("4.20", MODULE),
    "MT76x2E": MODULE,
    "MT7615E": when_at_least("5.2", MODULE),
    "MT7663U": when_at_least("5.8", MODULE),
    "MT7915E": when_at_least("5.8", MODULE),
    "MT7921E": when_at_least("5.12", MODULE),
    "MT7921U": when_at_least("5.18", MODULE),
    "MT7996E": when_at_least("6.2", MODULE),
    "MT7925E": when_at_least("6.7", MODULE),
    "MT7925U": when_at_least("6.7", MODULE),
    "RT2X00": MODULE,
    "RT2800PCI": MODULE,
    "RT2800USB": MODULE,
    "RTL_CARDS": MODULE,
    "RTL8192CE": MODULE,
    "RTL8192EE": MODULE,
    "RTL8192CU": MODULE,
    "RTL8188EE": MODULE,
    "RTL8723BE": MODULE,
    "RTL8821AE": MODULE,
    "RTL8XXXU": MODULE,
    "RTW88": when_at_least("5.2", MODULE),
    "RTW88_8822BE": when_at_least("5.2", MODULE),
    "RTW88_8822CE": when_at_least("5.2", MODULE),
    "RTW88_8723DE": when_at_least("5.8", MODULE),
    "RTW88_8821CE": when_at_least("5.9", MODULE),
    "RTW88_8822BU": when_at_least("6.2", MODULE),
    "RTW88_8822CU": when_at_least("6.2", MODULE),
    "RTW88_8821CU": when_at_least("6.2", MODULE),
    "RTW89": when_at_least("5.16", MODULE),
    "RTW89_8852AE": when_at_least("5.16", MODULE),
    "RTW89_8852BE": when_at_least("6.2", MODULE),
    "RTW89_8852CE": when_at_least("6.0", MODULE),
    "RTW89_8851BE": when_at_least("6.5", MODULE),
    "RTW89_8922AE": when_at_least("6.9", MODULE),
}

BLUETOOTH: dict[str, Asked] = {
    # net/bluetooth/Kconfig, drivers/bluetooth/Kconfig
    "BT": MODULE,
    "BT_BREDR": YES,
    "BT_LE": YES,
    "BT_RFCOMM": MODULE,
    "BT_RFCOMM_TTY": YES,
    "BT_BNEP": MODULE,
    "BT_HIDP": MODULE,
    "BT_HCIBTUSB": MODULE,
    "BT_HCIBTUSB_BCM": YES,
    "BT_HCIBTUSB_MTK": when_at_least("5.2", YES),
    "BT_HCIBTUSB_RTL": YES,
    "SERIAL_DEV_BUS": YES,
    "SERIAL_DEV_CTRL_TTYPORT": YES,
    "BT_HCIUART": MODULE,
    "BT_HCIUART_H4": YES,
    "BT_HCIUART_BCM": YES,
    "BT_HCIUART_QCA": YES,
}

OPTIONS: dict[str, Asked] = {
    **PROTOCOLS,
    **CARDS,
    **ADAPTERS,
    **WIRELESS,
    **BLUETOOTH,
    **only_on("x86_64", PC | {"BT_HCIUART_INTEL": YES, "BT_HCIUART_RTL": YES}),
}

FRAGMENT = tried(Fragment("common network", OPTIONS, priority=Priority.DEFAULT))
