import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.attention.rollout import rollout_rows
from ipvit.errors import CaptureMismatch


def test_two_blocks_worked_by_hand() -> None:
    """Heads (1 0; 0 1) and (0 1; 1 0) average to ½ everywhere; with the residual ¾ and ¼."""
    first = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    second = np.array([[[0.0, 1.0], [0.0, 1.0]]] * 2)
    one, two = rollout_rows([first, second], token=0)
    assert one.tolist() == [0.75, 0.25]
    # ½ · (¾ ¼) + ½ · (¼ ¾)
    assert two.tolist() == [0.5, 0.5]
    _, other = rollout_rows([first, second], token=1)
    assert other.tolist() == [0.25, 0.75]


@given(st.integers(1, 5), st.integers(1, 3), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_rows_stay_distributions(depth: int, heads: int, tokens: int, seed: int) -> None:
    weights = np.random.default_rng(seed).random((depth, heads, tokens, tokens))
    weights /= weights.sum(-1, keepdims=True)
    rows = rollout_rows(list(weights), token=tokens - 1)
    assert len(rows) == depth
    np.testing.assert_allclose([row.sum() for row in rows], 1)


def test_attention_of_one_token_only_is_a_mismatch() -> None:
    with pytest.raises(CaptureMismatch, match=r"got \(3, 1, 65\)"):
        rollout_rows([np.zeros((3, 1, 65))], token=0)
