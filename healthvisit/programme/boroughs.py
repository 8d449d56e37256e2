"""The ten boroughs of Greater Manchester, and how many children under five lived in each on Census day, 21
March 2021.

Source: ONS Census 2021 by single year of age, republished by Trafford Data Lab (domain facts 1.1). The
under-ones are residents at the Census, not births.
"""

from typing import NamedTuple


class Borough(NamedTuple):
    """gss: Government Statistical Service code. under_five: children aged 0, 1, 2, 3 and 4."""

    gss: str
    slug: str
    name: str
    under_five: tuple[int, int, int, int, int]


BOROUGHS = (
    Borough("E08000001", "bolton", "Bolton", (3541, 3731, 3605, 3686, 3893)),
    Borough("E08000002", "bury", "Bury", (2123, 2180, 2334, 2201, 2319)),
    Borough("E08000003", "manchester", "Manchester", (6581, 7057, 6819, 6782, 7139)),
    Borough("E08000004", "oldham", "Oldham", (2980, 3130, 3248, 3268, 3379)),
    Borough("E08000005", "rochdale", "Rochdale", (2788, 2898, 2925, 2884, 3144)),
    Borough("E08000006", "salford", "Salford", (3543, 3523, 3487, 3329, 3375)),
    Borough("E08000007", "stockport", "Stockport", (3183, 3175, 3375, 3345, 3497)),
    Borough("E08000008", "tameside", "Tameside", (2528, 2708, 2794, 2793, 2847)),
    Borough("E08000009", "trafford", "Trafford", (2381, 2546, 2740, 2754, 3041)),
    Borough("E08000010", "wigan", "Wigan", (3356, 3431, 3442, 3784, 3769)),
)
BY_GSS = {borough.gss: borough for borough in BOROUGHS}
BY_SLUG = {borough.slug: borough for borough in BOROUGHS}
