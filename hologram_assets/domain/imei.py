"""Which piece of hardware a session came from: the IMEI without its check digit.

Source: rules.md, `imei_change`: the first 14 digits count, the check digit is not verified, all zeros or fewer than 14
digits is null. An IMEISV (16 digits: the same 14, then a software version) names the same device, so it reads the same.
"""

from __future__ import annotations

IMEI_DIGITS = 14
MODEL_DIGITS = 8


def device_of(imei: str | None) -> str | None:
    """The 14 digits that name a device, from an IMEI or IMEISV as the API writes it; None if it names none.

    >>> device_of("35-938610-123456-7")
    '35938610123456'
    """
    if imei is None:
        return None
    text = imei.strip()
    if not (text.isascii() and text.isdigit()):
        # Some modems write 35-938610-123456-7; any other character means that it isn't an IMEI.
        text = text.translate(_SEPARATORS)
        if not (text.isascii() and text.isdigit()):
            return None
    device = text[:IMEI_DIGITS]
    if len(device) < IMEI_DIGITS or not device.strip("0"):
        return None
    return device


def model_of(device: str) -> str:
    """The type allocation code, the first 8 digits: devices that share it are of one model."""
    return device[:MODEL_DIGITS]


_SEPARATORS = str.maketrans("", "", "-/ .")
