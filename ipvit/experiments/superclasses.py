"""Twelve superclasses of ImageNet, by WordNet id.

Naseer et al. 2021 (Fig. 5) speak of "12 selected superclasses within ImageNet hierarchy" without a
list. These are the twelve largest of the robustness library (Engstrom et al. 2019,
`common_superclass_wnid("big_12")`): dog, structure, bird, and so on. Which classes belong to each
follows from WordNet 3.0: those with the superclass among their hypernyms. A class under two of
them belongs to the first in this order: dogs are no carnivores here, and the mobile home is a
structure. Counts therefore differ by a few from those of the library, which follows one hypernym
of each class only.
"""

from dataclasses import dataclass

__all__ = ["IMAGENET_SUPERCLASSES", "Superclass"]


@dataclass(frozen=True)
class Superclass:
    """name, WordNet id, and its ImageNet-1k class indices as ranges such as "7-24 80 83-85"."""

    name: str
    wordnet_id: str
    ranges: str

    @property
    def classes(self) -> tuple[int, ...]:
        """The class indices, ascending."""
        found: list[int] = []
        for part in self.ranges.split():
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
        return tuple(found)


IMAGENET_SUPERCLASSES = (
    Superclass("dog", "n02084071", "151-268"),
    Superclass(
        "structure",
        "n04341686",
        "406 410 415 421 424-425 437 449 454 458 460 467 483 489 497-498 500 506 509 525 536 562 "
        "580-582 598-599 624 634 649 660 663 668 672 682 698 706 708 716 727 729 743 762 781 788 "
        "799 821 825 832 839 860 863 865 873 877 888 912 915",
    ),
    Superclass("bird", "n01503061", "7-24 80-100 127-146"),
    Superclass(
        "clothing",
        "n03051540",
        "399-400 411 433 439 445 451-452 457 459 465 474 496 515 518 529 552 560 568 578 601 608 "
        "610 614-615 617 638-639 643 652 655 658 667 689 697 735 775 785 793 806 808 824 834 "
        "841-842 869 887 903 906",
    ),
    Superclass(
        "wheeled vehicle",
        "n04576211",
        "407-408 428 436 444 468 511 547 555 561 565 569 573 575 586 603 609 612 627 656 661 665 "
        "670-671 675 690 705 717 734 751 757 791 802-803 817 820 829 847 864 866-867 870 880",
    ),
    Superclass("reptile", "n01661091", "33-68"),
    Superclass("carnivore", "n02075296", "269-299 356-362 387-388"),
    Superclass("insect", "n02159955", "300-326"),
    Superclass(
        "musical instrument",
        "n03800933",
        "401-402 420 432 486 494 513 541 546 558 566 577 579 593-594 641-642 683-684 687 699 776 "
        "822 875 881 889",
    ),
    Superclass("food", "n07555863", "930-932 935-957 962"),
    Superclass(
        "furniture",
        "n03405725",
        "423 431 453 493 495 516 520 526 532 548 553 559 564 648 703 736 765 831 846 857 861 894",
    ),
    Superclass("primate", "n02469914", "365-384"),
)
