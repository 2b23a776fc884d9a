"""What the benchmark shows of the watermark: tables, a chart of recovery, the mark made visible."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from watermark import image

AMPLIFIED = 20
SHOWN = ("girl-with-a-pearl-earring", "mona-lisa", "vincent-van-gogh")  # of samples/
WIDTH = 320  # pixels of each of the three pictures in a row
TITLES = {"image": "Pictures", "video": "Film", "audio": "Sound"}
QUALITY = {
    "image": (("psnr", "PSNR", "dB", min), ("ssim", "SSIM", "", min)),
    "video": (
        ("y_psnr", "Y-PSNR marked", "dB", min),
        ("y_psnr_plain", "Y-PSNR of a plain encode", "dB", min),
        ("size_ratio", "size, marked / plain", "", max),
    ),
    "audio": (("snr", "signal to noise", "dB", min),),
}


def write(results: dict[str, Any], page: Path) -> None:
    """Put the tables between the marks in `page`, chart and picture beside it."""
    begin, end = "<!-- measured: make bench -->", "<!-- end of measured -->"
    text = page.read_text("utf-8")
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    page.write_text(f"{head}{begin}\n\n{tables(results)}\n{end}{tail}", "utf-8")
    (page.parent / "watermark-recovery.svg").write_text(chart(results), "utf-8")
    samples = Path(__file__).parents[2] / "samples"
    cv2.imwrite(
        str(page.parent / "watermark-difference.jpg"),
        difference([cv2.imread(str(samples / f"{name}.jpg")) for name in SHOWN]),
        [cv2.IMWRITE_JPEG_QUALITY, 88],
    )


def tables(results: dict[str, Any]) -> str:
    out = []
    for kind, title in TITLES.items():
        found = results["summaries"].get(f"{kind} watermark")
        if found:
            out.append(f"### {title}\n\n{_about(found['about'])}\n\n{_of_kind(kind, found)}")
    if "copy watermark" in results["summaries"]:
        out.append(f"### Copying\n\n{_copies(results['summaries']['copy watermark']['records'])}")
    peers = {n: f for n, f in results["summaries"].items() if n.startswith("image peers:")}
    if peers:
        out.append(f"### Peers\n\n{_peers(results['summaries']['image watermark'], peers)}")
    if results.get("speed"):
        out.append(f"### Speed\n\n{_speed(results['speed'])}")
    return "\n".join(out)


def _about(about: dict[str, Any]) -> str:
    return (
        f"At {about['commit']}, on {about['machine']}, {about['jobs']} processes at once; "
        f"films cut to {about['seconds_of_film']:g} s, sounds to 20 s."
    )


def _of_kind(kind: str, found: dict[str, Any]) -> str:
    files = found["per_file"]
    worst_of = min(files, key=lambda name: files[name]["exact"] / files[name]["trials"])
    attack = min(found["attacks"], key=lambda name: found["attacks"][name])
    rows = [
        f"| exact, {found['trials']} trials | {found['exact']:.3f} |",
        f"| worst file | {worst_of}: {files[worst_of]['exact']} of {files[worst_of]['trials']} |",
        f"| worst attack | {attack}: {_share(found, attack)} |",
        (
            f"| wrong payloads; detections unmarked, with another key | {found['wrong']}; "
            f"{found['fp_unmarked']} of {found['fp_unmarked_n']}; "
            f"{found['fp_other_key']} of {found['fp_other_key_n']} |"
        ),
    ]
    for name, label, unit, worst in QUALITY[kind]:
        values = {f: each[name] for f, each in files.items() if name in each}
        at = worst(values, key=lambda f, of=values: of[f])
        mean = float(np.mean(list(values.values())))
        digits = 4 if name == "ssim" else 2
        rows.append(
            f"| {label}: mean, worst | {mean:.{digits}f}{unit and f' {unit}'}, "
            f"{values[at]:.{digits}f} ({at}) |"
        )
    lost = sorted(
        (a for a, share in found["attacks"].items() if share < 1), key=found["attacks"].get
    )
    below = ", ".join(f"{name} {_share(found, name)}" for name in lost)
    full = len(found["attacks"]) - len(lost)
    rows.append(f"| below all | {below or 'none'} |")
    rows.append(f"| the other attacks | {full} of {len(found['attacks'])}, every file |")
    by_file = "\n".join(
        f"| {name} | {each['exact']} of {each['trials']} | {', '.join(each['lost']) or '-'} |"
        for name, each in sorted(files.items(), key=lambda item: item[1]["exact"])
        if each["lost"]
    )
    return (
        "| | measured |\n|---|---|\n"
        + "\n".join(rows)
        + "\n\n| file | exact | lost |\n|---|---|---|\n"
        + by_file
        + "\n"
    )


def _share(found: dict[str, Any], attack: str) -> str:
    n = found["n"][attack]
    return f"{round(found['attacks'][attack] * n)} of {n}"


def _copies(records: list[Any]) -> str:
    names = list(records[0]["copies"])
    rows = []
    for name in names:
        got = [record["copies"][name] for record in records]
        forged, removed, any_removed = (
            sum(each[key] for each in got) for key in ("forged", "removed", "removed_any")
        )
        rows.append(f"| {name} | {forged} of {len(got)} | {removed} | {any_removed} |")
    head = "| estimate | forged | removed at one strength | removed at the best of several |"
    return f"{head}\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _peers(own: dict[str, Any], peers: dict[str, Any]) -> str:
    rows = []
    for name, found in peers.items():
        told = len(found["attacks"])
        rows.append(
            f"| {name.split(':')[1]} | {found['exact']:.3f} | {found['psnr_mean']:.1f} dB | "
            f"{found['fp_unmarked']} of {found['fp_unmarked_n']} |"
        )
    first = next(iter(peers.values()))
    files, names = set(first["per_file"]), set(first["attacks"])
    mine = [each for name, each in own["per_file"].items() if name in files]
    exact = sum(len(names) - len(names & set(each["lost"])) for each in mine)
    share = exact / (len(names) * len(mine))
    psnr = float(np.mean([each["psnr"] for each in mine]))
    rows.insert(0, f"| this one | {share:.3f} | {psnr:.1f} dB | 0 of {len(mine)} |")
    return (
        f"The {told} quick attacks on {len(mine)} Kodak pictures.\n\n"
        "| mark | exact | PSNR | detections on unmarked pictures |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _speed(speed: dict[str, Any]) -> str:
    picture = speed["picture 1080p"]
    rows = [
        (
            f"| picture of 1920 x 1080, one core: embed; detect marked; unmarked | "
            f"{picture['embed_s']:.3f} s; {picture['detect_marked_s']:.2f} s; "
            f"{picture['detect_unmarked_s']:.2f} s |"
        )
    ]
    for name, each in speed.items():
        if name == "picture 1080p":
            continue
        length = each["duration_s"]
        rows += [
            (
                f"| {name}, {length:g} s at 1080p: CPU and size, marked / plain | "
                f"{each['embed cpu / plain']:.2f}; {each['size / plain']:.2f} |"
            ),
            "| bare decode; detect marked, unmarked, thorough; two cores | "
            + "; ".join(
                f"{each[key]:.2f} s ({length / each[key]:.1f} x real time)"
                for key in ("decode_s", "detect_s", "detect_unmarked_s", "thorough_s")
            )
            + " |",
        ]
    return "| | measured |\n|---|---|\n" + "\n".join(rows) + "\n"


def chart(results: dict[str, Any]) -> str:
    """Recovery by attack as an SVG: a column of bars for each kind, the weakest first."""
    wide, step, left, bar = 380, 13, 190, 150
    columns = [
        (title, results["summaries"][f"{kind} watermark"])
        for kind, title in TITLES.items()
        if f"{kind} watermark" in results["summaries"]
    ]
    height = 40 + step * max(len(found["attacks"]) for _, found in columns)
    parts = []
    for number, (title, found) in enumerate(columns):
        x = number * wide
        parts.append(f'<text x="{x + left}" y="18" class="t">{title}: {found["exact"]:.3f}</text>')
        order = sorted(found["attacks"], key=lambda name, of=found: of["attacks"][name])
        for row, name in enumerate(order):
            y, share = 30 + row * step, found["attacks"][name]
            label = name.replace("&", "&amp;").replace("<", "&lt;")
            fill = "#2a7f62" if share == 1 else "#c77f1a" if share >= 0.8 else "#b3392f"
            parts.append(f'<text x="{x + left - 5}" y="{y + 9}" class="l">{label}</text>')
            parts.append(
                f'<rect x="{x + left}" y="{y + 1}" width="{max(1, share * bar):.0f}" height="9" '
                f'fill="{fill}"/>'
            )
            parts.append(f'<text x="{x + left + bar + 4}" y="{y + 9}">{share:.2f}</text>')
    style = "text{font:9px sans-serif;fill:#222}.l{text-anchor:end}.t{font:bold 12px sans-serif}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide * len(columns)}" height="{height}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def difference(pictures: list[Any]) -> Any:
    """Rows of original, marked, and their difference times AMPLIFIED around gray."""
    rows = []
    for picture in pictures:
        scale = WIDTH * 3 / picture.shape[1]
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        marked = image.embed(large, b"\x01\x23\x45\x67\x89\xab\xcd\xef", b"a key for this picture")
        change = AMPLIFIED * (marked.astype(np.float32) - large) + 128
        cut = slice(large.shape[0] // 6, large.shape[0] // 6 + WIDTH), slice(WIDTH, 2 * WIDTH)
        seen = (large, marked, np.clip(change, 0, 255).astype(np.uint8))
        rows.append(np.hstack([each[cut] for each in seen]))
    return np.vstack(rows)
