"""Draws are held to the published algorithm, written here again in plain Python."""

import hashlib
import json
import random
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipvit.randomness import REQUEST_KEY, permutation

WORD = 2**64
seeds = st.integers(-(2**80), 2**80)


def philox_words(key: int, count: int) -> list[int]:
    """Philox 4x64, 10 rounds (Salmon et al. 2011), counting from 1 as NumPy does."""
    words: list[int] = []
    block = 1
    while len(words) < count:
        counter = [block >> shift & (WORD - 1) for shift in (0, 64, 128, 192)]
        key_low, key_high = key % WORD, key // WORD
        for _ in range(10):
            high_0, low_0 = divmod(0xD2E7470EE14C6C93 * counter[0], WORD)
            high_1, low_1 = divmod(0xCA5A826395121157 * counter[2], WORD)
            counter = [
                high_1 ^ counter[1] ^ key_low,
                low_1,
                high_0 ^ counter[3] ^ key_high,
                low_0,
            ]
            key_low = (key_low + 0x9E3779B97F4A7C15) % WORD
            key_high = (key_high + 0xBB67AE8584CAA73B) % WORD
        words += counter
        block += 1
    return words[:count]


def drawn_slowly(n: int, seed: int, key: str, condition: str) -> list[int]:
    named = json.dumps([seed, key, condition]).encode("ascii")
    digest = hashlib.blake2b(named, digest_size=16).digest()
    words = philox_words(int.from_bytes(digest, "little"), n)
    return sorted(range(n), key=words.__getitem__)


def drawn(n: int, seed: int = 0, key: str = REQUEST_KEY, condition: str = "test") -> list[int]:
    return permutation(n, seed=seed, key=key, condition=condition).tolist()


@settings(max_examples=50)
@given(st.integers(1, 40), seeds, st.text(max_size=20), st.text(max_size=20))
def test_a_draw_is_the_published_generator_sorted(
    n: int, seed: int, key: str, condition: str
) -> None:
    order = permutation(n, seed=seed, key=key, condition=condition)
    assert order.dtype == np.int64
    assert order.tolist() == drawn_slowly(n, seed, key, condition)
    assert sorted(order) == list(range(n))


@pytest.mark.parametrize(
    ("n", "seed", "key", "condition", "order"),
    [
        (16, 0, "request", "x", [3, 15, 5, 11, 1, 2, 13, 8, 6, 10, 12, 0, 7, 9, 14, 4]),
        (16, 1, "n01494475/a.JPEG", "x", [0, 4, 15, 8, 3, 11, 13, 10, 12, 2, 5, 1, 9, 6, 7, 14]),
        (8, -1, "", "", [5, 7, 3, 6, 0, 4, 2, 1]),
        (8, 2**70, "é/雪", "c", [0, 2, 5, 7, 4, 3, 6, 1]),
    ],
)
def test_draws_never_change(n: int, seed: int, key: str, condition: str, order: list[int]) -> None:
    assert drawn(n, seed, key, condition) == order


def test_a_draw_depends_on_nothing_but_its_name() -> None:
    names = [(seed, f"image {image}") for seed in range(3) for image in range(20)]
    first = {name: drawn(49, *name) for name in names}
    random.Random(0).shuffle(names)
    assert {name: drawn(49, *name) for name in names} == first
    before = np.random.get_state()[1].tolist()
    drawn(49)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "a", "b"), (1, "a", "b")),
        ((0, "a", "b"), (0, "b", "b")),
        ((0, "a", "b"), (0, "a", "a")),
        ((0, "a/b", "c"), (0, "a", "b/c")),
        ((1, "2", ""), (12, "", "")),
        ((0, "a", ""), (0, "", "a")),
        ((0, 'a", "b', "c"), (0, "a", 'b", "c')),
        ((1, "a", "b"), (-1, "a", "b")),
        ((0, "a", "b"), (2**64, "a", "b")),
    ],
)
def test_every_part_of_the_name_counts(
    one: tuple[int, str, str], other: tuple[int, str, str]
) -> None:
    assert drawn(64, *one) != drawn(64, *other)


def test_all_orders_are_drawn_about_equally_often() -> None:
    draws = 4800
    counts = Counter(tuple(drawn(4, seed)) for seed in range(draws))
    assert set(counts) == set(permutations(range(4)))
    expected = draws / 24
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 49.7  # one in a thousand at 23 degrees of freedom


def test_a_numpy_integer_names_the_same_draw() -> None:
    assert drawn(9, np.int64(5)) == drawn(9, 5)
