from itertools import chain

from ipvit.experiments.superclasses import IMAGENET_SUPERCLASSES, Superclass
from ipvit.models.specs import MODELS, labels_of

BY_NAME = {superclass.name: superclass for superclass in IMAGENET_SUPERCLASSES}


def test_ranges_are_read() -> None:
    assert Superclass("some", "n0", "7-9 11 13-14").classes == (7, 8, 9, 11, 13, 14)


def test_there_are_twelve_without_overlap() -> None:
    classes = list(chain.from_iterable(one.classes for one in IMAGENET_SUPERCLASSES))
    assert len(BY_NAME) == 12
    assert len(classes) == len(set(classes))
    assert min(classes) >= 0
    assert max(classes) < 1000


def test_the_sizes_are_close_to_the_librarys() -> None:
    sizes = {name: len(one.classes) for name, one in BY_NAME.items()}
    # The library states these; it follows one hypernym of each class, we follow all.
    stated = {
        "dog": 116,
        "structure": 55,
        "bird": 52,
        "clothing": 48,
        "reptile": 36,
        "insect": 27,
        "musical instrument": 26,
        "food": 24,
        "furniture": 21,
        "primate": 20,
    }
    assert all(0 <= sizes[name] - size <= 7 for name, size in stated.items())


def test_classes_are_what_their_names_say() -> None:
    labels = labels_of(MODELS["deit_t"])
    for name, label in (
        ("dog", "Chihuahua"),
        ("dog", "Mexican hairless"),
        ("bird", "bald eagle"),
        ("bird", "king penguin"),
        ("insect", "ladybug"),
        ("food", "broccoli"),
        ("primate", "gorilla"),
        ("carnivore", "tabby"),
        ("carnivore", "brown bear"),
        ("reptile", "sea snake"),
        ("musical instrument", "violin"),
        ("furniture", "studio couch"),
        ("clothing", "sombrero"),
        ("wheeled vehicle", "minivan"),
        ("structure", "castle"),
    ):
        assert labels.index(label) in BY_NAME[name].classes, label


def test_what_is_under_two_belongs_to_the_first() -> None:
    labels = labels_of(MODELS["deit_t"])
    assert labels.index("mobile home") in BY_NAME["structure"].classes
    assert labels.index("Chihuahua") not in BY_NAME["carnivore"].classes


def test_the_rest_has_no_superclass() -> None:
    labels = labels_of(MODELS["deit_t"])
    classes = set(chain.from_iterable(one.classes for one in IMAGENET_SUPERCLASSES))
    assert not classes & {
        labels.index(label) for label in ("tench", "lakeside", "African elephant")
    }
