"""Examples in the documentation of the API; a test holds them to the schemas."""

from typing import Any

PNG = "data:image/png;base64,iVBORw0KGgo…"

_HEAD: dict[str, Any] = {
    "image": {"width": 640, "height": 480, "format": "JPEG"},
    "elapsed_ms": 11.4,
}
_MODEL: dict[str, Any] = {
    "model": "pocket_deit",
    "title": "Pocket DeiT",
    "precision": "fp32",
    "protocol": "resize shorter side to 32, centre crop 32, bilinear",
    "labels": "cifar10",
}
_TOP = [
    {"index": 5, "label": "dog", "probability": 0.93},
    {"index": 3, "label": "cat", "probability": 0.04},
]
_VARIANT: dict[str, Any] = {
    "top": _TOP,
    "clean_class_probability": 0.93,
    "prediction_kept": True,
    "image": PNG,
}

PREDICT = {**_HEAD, "models": [{**_MODEL, "top": _TOP}]}

OCCLUDE = {
    **_HEAD,
    "mode": "random",
    "offset_px": 0,
    "saliency_model": None,
    "models": [
        {
            **_MODEL,
            "grid": "8x8",
            "clean": {"top": _TOP},
            "results": [
                {
                    "ratio": 0.5,
                    "seed": 0,
                    "dropped_patches": 32,
                    "patches": 64,
                    "information_loss": 0.5,
                    "attention_mass": None,
                    **_VARIANT,
                }
            ],
        }
    ],
}

SHUFFLE = {
    **_HEAD,
    "models": [
        {
            **_MODEL,
            "clean": {"top": _TOP},
            "results": [{"grid": "4x4", "seed": 0, "cells": 16, **_VARIANT}],
        }
    ],
}

ATTENTION = {
    **_HEAD,
    "method": "raw",
    "token": "cls",
    "models": [
        {
            **_MODEL,
            "grid": "2x2",
            "layers": 6,
            "heads": 3,
            "original": PNG,
            "maps": [
                {
                    "layer": 5,
                    "head": 0,
                    "weights": [[0.1, 0.2], [0.3, 0.4]],
                    "patch_mass": 0.88,
                    "overlay": PNG,
                }
            ],
        }
    ],
}

SEGMENT = {
    **_HEAD,
    "token": "cls",
    "threshold": 0.9,
    "models": [
        {
            **_MODEL,
            "grid": "8x8",
            "heads": [{"head": 0, "coverage": 0.4, "mask": PNG, "jaccard": None}],
            "chosen": {"head": 0, "why": "the model's fixed head"},
            "overlay": PNG,
            "jaccard": None,
        }
    ],
}

PROBLEMS: dict[str, dict[str, Any]] = {
    "unknown_name": {
        "detail": "unknown model 'pocket_diet': did you mean pocket_deit?",
        "field": "model",
        "matches": ["pocket_deit"],
    },
    "invalid_input": {
        "detail": "ratio[1]: input should be less than or equal to 1, got '1.1'",
        "field": "ratio",
    },
    "body_too_large": {
        "detail": "expected a body of at most 10747904 bytes, got 11000202",
        "field": "body",
    },
}
"""Where a code's own words are worth more than what it means in general."""
