import numpy as np

from ipvit.segmentation.upsampling import upsample_masks


def test_masks_are_enlarged_to_the_nearest_cell() -> None:
    mask = np.array([[True, False, True]])
    assert upsample_masks(mask, 2, 5).tolist() == [[True, True, False, False, True]] * 2
    assert upsample_masks(mask[0][None, None], 1, 6)[0].tolist() == [
        [True, True, False, False, True, True]
    ]


def test_what_the_network_does_not_see_is_background() -> None:
    mask = np.ones((5, 5), dtype=bool)
    enlarged = upsample_masks(mask, 224, 224, seen_share=190 / 224)
    assert enlarged[:190, :190].all()
    assert enlarged.sum() == 190 * 190
