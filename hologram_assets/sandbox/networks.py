"""Mobile networks, countries and modem models that the sandbox's SIMs meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Network:
    """A mobile network as `network_name` and `country` show it.

    `spelling` is another way in which the API writes the same network: names must be compared without case and
    without legal suffixes.
    """

    name: str
    country: str
    spelling: str


@dataclass(frozen=True, slots=True)
class Modem:
    """A modem model: the type allocation code (first 8 digits of an IMEI) and the software version of the IMEISV."""

    tac: str
    software_version: str


TMOBILE_US: Final = Network("T-Mobile USA, Inc", "United States", "T-Mobile USA")
ATT_US: Final = Network("AT&T Wireless Inc.", "United States", "AT&T Wireless")
VERIZON_US: Final = Network("Verizon Wireless", "United States", "VERIZON WIRELESS")
TELEFONICA_ES: Final = Network("Telefonica Moviles Espana S.A.", "Spain", "Telefonica Moviles Espana")
VODAFONE_ES: Final = Network("Vodafone Espana S.A.U.", "Spain", "VODAFONE ESPANA")
TELEKOM_DE: Final = Network("Telekom Deutschland GmbH", "Germany", "Telekom Deutschland")
VODAFONE_DE: Final = Network("Vodafone GmbH", "Germany", "VODAFONE")
ORANGE_FR: Final = Network("Orange S.A.", "France", "Orange")
SFR_FR: Final = Network("Societe Francaise du Radiotelephone - SFR", "France", "SFR")
SWISSCOM_CH: Final = Network("Swisscom (Schweiz) AG", "Switzerland", "Swisscom (Schweiz)")
CELLULAR_US: Final = Network("Cellular One LLC", "United States", "CELLULAR ONE")
ROGERS_CA: Final = Network("Rogers Communications Canada Inc.", "Canada", "Rogers Communications Canada")
BELL_CA: Final = Network("Bell Mobility Inc.", "Canada", "BELL MOBILITY")
KPN_NL: Final = Network("KPN B.V.", "Netherlands", "KPN")
PROXIMUS_BE: Final = Network("Proximus N.V.", "Belgium", "PROXIMUS")
ORANGE_BE: Final = Network("Orange Belgium S.A.", "Belgium", "Orange Belgium")

HOMES: Final[tuple[tuple[Network, Network], ...]] = (
    (TMOBILE_US, ATT_US),
    (ATT_US, VERIZON_US),
    (TELEFONICA_ES, VODAFONE_ES),
    (TELEKOM_DE, VODAFONE_DE),
    (VERIZON_US, TMOBILE_US),
)
"""The usual network of a stationary SIM, and the one that it falls back to now and then."""

ROAMING: Final[tuple[Network, ...]] = (TELEFONICA_ES, VODAFONE_ES, ORANGE_FR, SFR_FR, TELEKOM_DE, VODAFONE_DE)
"""The networks of a SIM that travels, two per country."""

TOURS: Final[tuple[tuple[tuple[Network, Network], ...], ...]] = (
    ((TELEFONICA_ES, ORANGE_FR), (SFR_FR, TELEKOM_DE)),
    ((TMOBILE_US, ATT_US), (ROGERS_CA, BELL_CA)),
    ((KPN_NL, PROXIMUS_BE), (ORANGE_BE, VODAFONE_DE)),
    ((ORANGE_FR, SFR_FR), (VODAFONE_ES, TELEFONICA_ES)),
)
"""Where a SIM of the newer profiles travels: two or three countries in two days, in two networks a day."""

NEVER_SEEN: Final = SWISSCOM_CH
"""A network that no SIM meets before the planted change: new to the whole organisation."""

MODEMS: Final[tuple[Modem, ...]] = (
    Modem("86815905", "00"),
    Modem("86796204", "03"),
    Modem("35938610", "12"),
    Modem("35162411", "07"),
)
