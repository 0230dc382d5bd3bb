import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidInput
from ipvit.perturbations.feature_drop import Site, feature_drop_mask

BLOCK, LAYER = Site("block", 3), Site("layer", 3)


@pytest.mark.parametrize(
    ("features", "prefix_tokens", "rate", "dropped"),
    [
        (196, 1, 0.25, 49),  # ⌊49.25⌋ of 197 tokens
        (196, 1, 0.5, 98),
        (196, 1, 0.75, 147),
        (196, 2, 0.5, 99),  # of 198
        (196, 1, 1, 196),  # all but the class token
        (49, 0, 0.25, 12),  # a 7x7 map
        (49, 0, 0.5, 24),
        (49, 0, 0.75, 36),
        (49, 0, 0, 0),
    ],
)
def test_the_count_is_the_papers(
    features: int, prefix_tokens: int, rate: float, dropped: int
) -> None:
    mask = feature_drop_mask(
        features, rate, BLOCK, prefix_tokens=prefix_tokens, seed=0, key="a.jpg"
    )
    assert (mask.shape, int(mask.sum())) == ((features,), dropped)


@given(
    features=st.integers(1, 300),
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
def test_a_larger_rate_drops_the_same_and_more(
    features: int, rates: tuple[float, float], seed: int
) -> None:
    few, many = (
        feature_drop_mask(features, rate, LAYER, seed=seed, key="a.jpg") for rate in sorted(rates)
    )
    assert np.all(many[few])


def test_the_draw_depends_on_seed_image_and_site() -> None:
    def draw(site: Site = BLOCK, seed: int = 0, key: str = "a.jpg") -> list[bool]:
        return list(feature_drop_mask(64, 0.5, site, seed=seed, key=key))

    assert draw() == draw()
    assert draw() != draw(seed=1)
    assert draw() != draw(key="b.jpg")
    assert draw() != draw(Site("block", 4)) != draw(LAYER)


def test_every_token_is_dropped_equally_often() -> None:
    masks = [feature_drop_mask(16, 0.5, BLOCK, seed=0, key=str(image)) for image in range(2000)]
    # The share of 2,000 fair draws lies within 5 standard errors, 0.056, of a half.
    assert np.mean(masks, axis=0) == pytest.approx(0.5, abs=0.056)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        feature_drop_mask(10, rate, BLOCK, seed=0, key="a.jpg")
