"""Results as a page to read; the JSON beside it has every number."""

from typing import Any


def markdown(machine: dict[str, Any], serving: dict[str, Any]) -> str:
    """The page."""
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    lines = [
        "# Serving",
        "",
        f"{machine['date']}, commit {machine['commit']}. {machine['cpu']}, "
        f"{machine['cores']} cores, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}; Python {machine['python']}, "
        f"{packages}; load average before the run {machine['load_before']}.",
        "",
        f"Medians of {serving['rounds']} rounds, parts and server in turns, photos of 500x400 px, "
        "everything on this machine, the load client included. `make bench` repeats it.",
        "",
        f"## `/predict`, {serving['clients']} clients",
        "",
        "Ceiling = cores ÷ (forward + decoding + upload). *CPU share* compares the CPU time of a "
        "request with the sum of its parts, whatever else the machine does.",
        "",
        "| model | forward, core-ms | as the engine runs it | decoding | empty upload | ceiling, "
        "1/s | reached, 1/s | of ceiling (≥ 0.9) | CPU share | p50, ms | p95, ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, taken in serving["models"].items():
        row = (
            taken["batched_plain_core_ms"],
            taken["batched_engine_core_ms"],
            taken["decoding_core_ms"],
            taken["upload_core_ms"],
            taken["ceiling_per_s"],
            taken["predict_many_requests_per_s"],
        )
        shares = (taken["predict_share_of_ceiling"], taken["predict_core_share"])
        waits = (taken["predict_many_p50_ms"], taken["predict_many_p95_ms"])
        lines.append(_row(name, *(f"{value:.2f}" for value in (*row, *shares)), *_whole(waits)))
    lines += [
        "",
        "## One client",
        "",
        "`/predict` p50 must stay below the forward pass of one image (the faster of one core and "
        "all cores) + decoding + 6 ms; `/occlude` with 10 ratios × 5 seeds must reach 0.9 of 50 "
        "bare forwards (the faster of one pass over all cores and a share on each core).",
        "",
        "| model | `/predict` p50, ms | bound, ms | bare forward of 50, ms | `/occlude` p50, ms | "
        "of bare (≥ 0.9) | with pictures, ms | `/segment` p50, ms | capturing ÷ bare forward, 1 "
        "image (≤ 1.15) | 16 images |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, taken in serving["models"].items():
        fifty = min(taken["fifty_one_pass_ms"], taken["fifty_side_by_side_ms"])
        lines.append(
            _row(
                name,
                f"{taken['predict_one_p50_ms']:.1f}",
                f"{taken['predict_one_bound_ms']:.1f}",
                *_whole((fifty, taken["occlude_p50_ms"])),
                f"{taken['occlude_share_of_bare']:.2f}",
                *_whole((taken["occlude_pictures_p50_ms"],)),
                *(_optional(taken, key) for key in ("segment_p50_ms", *_CAPTURES)),
            )
        )
    resident = serving["resident_mb_with_random_models"]
    lines += ["", f"Resident memory of the server with all these models: {resident:.0f} MB.", ""]
    return "\n".join(lines)


_CAPTURES = ("capture_ratio_of_1", "capture_ratio_of_16")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _whole(values: tuple[float, ...]) -> list[str]:
    return [f"{value:.0f}" for value in values]


def _optional(taken: dict[str, float], key: str) -> str:
    return f"{taken[key]:.2f}" if key in taken else "–"
