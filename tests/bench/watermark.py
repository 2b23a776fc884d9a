"""The mark against the attack harness in ../shared/bench: every file, every attack, on all cores.

`python -m tests.bench.watermark` measures into bench-out/watermark.json; with `--page
docs/watermark-benchmarks.md` it also writes that page's tables, and chart and picture beside it
(with `--from FILE...`, of earlier measurements). `--only video --files roller --attacks x264crf34`
looks closer. Needs `ffmpeg` on PATH or imageio-ffmpeg; peers are measured where invisible-watermark
is installed, RivaGAN with BENCH_PEERS=rivaGan and onnxruntime.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

for library in ("OMP", "OPENBLAS"):  # before anything imports numpy: a process is a core
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parents[2]
FOLDERS = {"image": "img", "video": "vid", "audio": "aud", "copy": "img"}
PEERS = ("dwtDct", "dwtDctSvd", "rivaGan")
PEERS_ON = "kodim"
ATTACKS_AT_ONCE = {"image": 22, "video": 5, "audio": 9, "copy": 1}  # of one file, in a process
COPIED = 5  # pictures whose mark is copied


@dataclass(frozen=True)
class Task:
    """Some attacks on one file; `weight` says about how long it takes."""

    kind: str
    module: str
    path: Path
    attacks: tuple[str, ...]
    weight: float
    target: Path | None = None


def main() -> None:
    asked = options()
    if asked.earlier:
        results = joined([json.loads(file.read_text()) for file in asked.earlier])
    else:
        results = measure(asked)
    if results and asked.page:
        from tests.bench import watermark_pages

        watermark_pages.write(results, asked.page)


def joined(several: list[dict[str, Any]]) -> dict[str, Any]:
    """Measurements made apart, later ones in place of earlier ones of the same kind."""
    whole: dict[str, Any] = {"summaries": {}, "speed": {}}
    for one in several:
        for found in one["summaries"].values():
            found.setdefault("about", one["about"])
        whole["summaries"] |= one["summaries"]
        whole["speed"] |= one.get("speed", {})
    return whole


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that is asked for, written as JSON; empty where there is nothing to measure on."""
    bench = asked.shared / "bench"
    if not (asked.shared / "media").is_dir() or not bench.is_dir():
        print(f"the watermark is not measured: {asked.shared} holds no bench and media folders")
        return {}
    if not shutil.which("ffmpeg") and not find_spec("imageio_ffmpeg"):
        print(
            "the watermark is not measured: install ffmpeg, or imageio-ffmpeg beside this package"
        )
        return {}
    sys.path.insert(0, str(bench))
    import run as harness

    tasks = [task for task in planned(harness, asked) if installed(task.module)]
    tasks.sort(key=lambda task: -task.weight)
    began = time.time()
    deadline = began + asked.budget_s
    context = multiprocessing.get_context("spawn")
    with context.Pool(asked.jobs, starting, (str(bench),)) as pool:
        work = [(task, asked.seconds, deadline) for task in tasks]
        done = pool.map(measured, work, chunksize=1)
    results: dict[str, Any] = {
        "about": about(asked, time.time() - began),
        "not begun": sum(record is None for record in done),
        "summaries": {},
    }
    for kind, module in dict.fromkeys((task.kind, task.module) for task in tasks):
        mine = [
            record
            for task, record in zip(tasks, done, strict=True)
            if (task.kind, task.module) == (kind, module)
        ]
        records = merged(mine)
        results["summaries"][f"{kind} {module}"] = summary(harness, kind, module, records)
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = asked.out / "watermark.json"
    kept.write_text(json.dumps(results, indent=1))
    if "speed" in asked.only:
        results["speed"] = speeds(asked.shared / "media")
        kept.write_text(json.dumps(results, indent=1))
    print(json.dumps({name: brief(found) for name, found in results["summaries"].items()}))
    print(json.dumps(results.get("speed", {})))
    return joined([results])


def options() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    p.add_argument("--page", type=Path)
    p.add_argument("--from", dest="earlier", type=Path, nargs="+", default=[])
    p.add_argument("--only", default="image,video,audio,copy,peers,speed")
    p.add_argument("--files", default="", help="only files whose name holds one of these")
    p.add_argument("--attacks", default="", help="only these, with commas; default: all")
    p.add_argument("--seconds", type=float, default=6.0, help="of films; sounds get 20")
    p.add_argument("--module", default="watermark", help="a package with the same interface")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--budget-s", type=float, default=1e9, help="begin nothing after it")
    p.add_argument("--out", type=Path, default=ROOT / "bench-out")
    asked = p.parse_args()
    asked.only = asked.only.split(",")
    asked.attacks = [name for name in asked.attacks.split(",") if name]
    asked.files = [name for name in asked.files.split(",") if name]
    return asked


def planned(harness: ModuleType, asked: argparse.Namespace) -> Iterator[Task]:
    """Everything to be measured, cut into pieces that keep all cores busy to the end."""
    for kind in ("image", "video", "audio"):
        if kind not in asked.only:
            continue
        every = harness.attacks_of(kind, "all")
        names = tuple(n for n in every if not asked.attacks or n in asked.attacks)
        for path in files(harness, kind, asked):
            yield from pieces(kind, asked.module, path, names)
    if "copy" in asked.only:
        paths = files(harness, "copy", asked)[::4][:COPIED]
        for path, target in zip(paths, paths[1:] + paths[:1], strict=True):
            yield Task("copy", asked.module, path, (), 30, target)
    if "peers" in asked.only:
        names = harness.attacks_of("image", "quick")
        paths = [p for p in files(harness, "image", asked) if p.name.startswith(PEERS_ON)][:8]
        for peer in PEERS:
            for path in paths:
                yield Task("image", f"peers:{peer}", path, names, 90 if peer == "rivaGan" else 20)


def files(harness: ModuleType, kind: str, asked: argparse.Namespace) -> list[Path]:
    found = harness.files_of(kind, asked.shared / "media" / FOLDERS[kind], 0)
    return [p for p in found if not asked.files or any(part in p.name for part in asked.files)]


def pieces(kind: str, module: str, path: Path, names: tuple[str, ...]) -> Iterator[Task]:
    at_once = ATTACKS_AT_ONCE[kind]
    cost = {"image": 0.2, "video": 12, "audio": 2}[kind] * (path.stat().st_size / 1e6)
    for first in range(0, len(names), at_once):
        some = names[first : first + at_once]
        yield Task(kind, module, path, some, cost * len(some))


def starting(bench: str) -> None:
    sys.path.insert(0, bench)
    sys.path.insert(0, str(ROOT))


def measured(work: tuple[Task, float, float]) -> dict[str, Any] | None:
    """One piece, in a process of its own; None where time was up."""
    import trials

    task, seconds, deadline = work
    if time.time() > deadline:
        return None
    job = trials.Job(
        task.module,
        task.path,
        task.attacks,
        deadline=deadline,
        seconds={"video": seconds, "audio": 20}.get(task.kind, 0),
        target=task.target,
    )
    trial = {
        "image": trials.image_trial,
        "video": trials.video_trial,
        "audio": trials.audio_trial,
        "copy": trials.copy_trial,
    }[task.kind]
    try:
        record: dict[str, Any] = trial(job)
    except Exception as error:  # noqa: BLE001  one attack that cannot be made is told, not fatal
        return {"file": task.path.name, "attacks": {}, "errors": [repr(error)], "complete": False}
    return record


def installed(module: str) -> bool:
    """Whether a peer's packages are here. RivaGAN, which takes minutes a picture, is asked for."""
    if not module.startswith("peers:"):
        return True
    peer = module.split(":")[1]
    if peer == "rivaGan" and "rivaGan" not in os.environ.get("BENCH_PEERS", ""):
        return False
    needs = ("imwatermark", "onnxruntime") if peer == "rivaGan" else ("imwatermark",)
    return all(find_spec(name) for name in needs)


def merged(records: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Pieces of one file put together again."""
    whole: dict[str, dict[str, Any]] = {}
    for record in records:
        if record is None:
            continue
        before = whole.setdefault(record["file"], record)
        if before is not record:
            attacks = before["attacks"] | record["attacks"]
            seen = [f for f in ("fp_unmarked", "fp_other_key") if f in before and f in record]
            positives = {f: max(before[f], record[f]) for f in seen}
            errors = list(dict.fromkeys(before["errors"] + record["errors"]))
            complete = before["complete"] and record["complete"]
            whole[record["file"]] = (record | before | positives) | {
                "attacks": attacks,
                "errors": errors,
                "complete": complete,
            }
    return [whole[name] for name in sorted(whole)]


def summary(harness: ModuleType, kind: str, module: str, records: list[Any]) -> dict[str, Any]:
    """What the tables say: the harness's own summary, and every file's share and quality."""
    if kind == "copy":
        return {"records": records}
    names = list(dict.fromkeys(name for record in records for name in record["attacks"]))
    asked = SimpleNamespace(module=module, seed=0)
    rows, found = harness.summarize(kind, asked, records, names, len(records))
    found["errors_told"] = harness.problems(records)
    found["n"] = {name: row["n"] for name, row in rows.items()}
    quality = (*harness.QUALITY[kind], "detect_unmarked_s")
    found["per_file"] = {
        record["file"]: {q: record[q] for q in quality if q in record}
        | {
            "trials": len(record["attacks"]),
            "exact": sum(got["exact"] for got in record["attacks"].values()),
            "lost": [name for name, got in record["attacks"].items() if not got["exact"]],
        }
        for record in records
    }
    return dict(found)


def brief(found: dict[str, Any]) -> dict[str, Any]:
    if "per_file" not in found:
        return {"pairs": len(found["records"])}
    names = ("files", "trials", "exact", "wrong", "errors_told", "fp_unmarked", "fp_other_key")
    lost = {name: each["lost"] for name, each in found["per_file"].items() if each["lost"]}
    return {name: found[name] for name in names} | {"lost": lost}


def about(asked: argparse.Namespace, took_s: float) -> dict[str, Any]:
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "jobs": asked.jobs,
        "seconds_of_film": asked.seconds,
        "took_s": round(took_s),
        "commit": os.environ.get("BENCH_COMMIT", ""),
    }


def speeds(media: Path) -> dict[str, Any]:
    """Times on two cores, nothing beside them: films at 1080p, and a picture of that size."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    import tempfile

    import av
    import cv2
    import measure
    import trials

    from watermark import image, video

    cv2.setNumThreads(1)
    picture = cv2.resize(cv2.imread(str(next((media / "img").glob("dav2*")))), (1920, 1080))
    payload = b"8 bytes."

    def timed(call: Any, times: int = 3) -> tuple[Any, float]:
        took, out = [], None
        for _ in range(times):
            began = time.perf_counter()
            out = call()
            took.append(time.perf_counter() - began)
        return out, round(sorted(took)[len(took) // 2], 3)

    marked, embed_s = timed(lambda: image.embed(picture, payload, trials.KEY))
    found = {
        "picture 1080p": {
            "embed_s": embed_s,
            "detect_marked_s": timed(lambda: image.detect(marked, trials.KEY))[1],
            "detect_unmarked_s": timed(lambda: image.detect(picture, trials.KEY))[1],
        }
    }
    cv2.setNumThreads(2)
    with tempfile.TemporaryDirectory() as directory:
        for path in sorted((media / "vid").glob("*.mp4")):
            facts = measure.video_facts(path)
            if facts["width"] * facts["height"] < 1920 * 1000:
                continue
            out, plain = Path(directory) / f"m-{path.name}", Path(directory) / f"p-{path.name}"
            before = measure.cpu_s()
            measure.transcode(path, plain)
            plain_cpu = measure.cpu_s() - before
            before = measure.cpu_s()
            video.embed(path, out, payload, trials.KEY)
            marked_cpu = measure.cpu_s() - before

            def decode(of: Path = out) -> int:
                with av.open(str(of)) as film:
                    track = film.streams.video[0]
                    track.thread_type = "AUTO"
                    return sum(1 for _ in film.decode(track))

            sizes = [measure.video_facts(each)["size_bytes"] for each in (out, plain)]
            found[path.name] = {
                "duration_s": round(facts["duration_s"], 2),
                "embed cpu / plain": round(marked_cpu / plain_cpu, 3),
                "size / plain": round(sizes[0] / sizes[1], 3),
                "decode_s": timed(decode)[1],
                "detect_s": timed(lambda of=out: video.detect(of, trials.KEY))[1],
                "detect_unmarked_s": timed(lambda of=plain: video.detect(of, trials.KEY), 1)[1],
                "thorough_s": timed(lambda of=out: video.detect(of, trials.KEY, effort="thorough"))[
                    1
                ],
            }
    return found


if __name__ == "__main__":
    main()
