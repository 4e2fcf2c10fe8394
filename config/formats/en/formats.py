"""How dates and times are written where a page names no form of its own: as everywhere in Milepost, in 24 hours."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y H:i"
