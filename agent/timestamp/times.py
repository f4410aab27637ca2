"""GeneralizedTime and UTCTime of DER (X.690 section 11.7, RFC 5280 section 4.1.2.5), as aware moments."""

from __future__ import annotations

import datetime
import re

from agent.certificates import der

_DIGITS = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,6})\d{0,9})?Z")


def generalized(element: der.Element) -> datetime.datetime:
    """UTC; fractions of a second as time-stamps have them. Raises ValueError."""
    found = _DIGITS.fullmatch(element.contents)
    if element.tag != der.GENERALIZED_TIME or found is None:
        raise ValueError("time")
    *whole, fraction = found.groups()
    year, month, day, hour, minute, second = map(int, whole)
    return datetime.datetime(
        year, month, day, hour, minute, second, int((fraction or b"0").ljust(6, b"0")), datetime.UTC
    )


def time(element: der.Element) -> datetime.datetime:
    """Time: either of the two. Raises ValueError."""
    if element.tag == der.UTC_TIME:
        century = b"19" if element.contents[:2] >= b"50" else b"20"
        digits = der.tlv(der.GENERALIZED_TIME, century + element.contents)
        return generalized(der.read(digits))
    return generalized(element)
