"""Write the sample data, or check that the committed bytes are what this generator writes.

    python sample_data/generate.py            write interactions.csv, items.csv, users.csv, oracle.json and the
                                              facts table of README.md into this folder
    python sample_data/generate.py --check    compare instead; exit status 1 when a byte differs
    python sample_data/generate.py --out DIR  write the four data files elsewhere
    python sample_data/generate.py --world KIND --out DIR   another shop, to test a diagnosis on; see README.md

Needs Python and NumPy alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

HERE = Path(__file__).resolve().parent
if __package__ in (None, ""):  # run as a script: the package's parent is not on the path yet
    sys.path.insert(0, str(HERE.parent))

from sample_data.behaviour import (  # noqa: E402
    N_CUSTOMERS,
    Customer,
    Kind,
    Purchases,
    World,
    make_customers,
    make_world,
    simulate,
)
from sample_data.catalogue import make_catalogue  # noqa: E402
from sample_data.oracle import MIN_PURCHASES, head_cut, oracle  # noqa: E402

SEED = 7
FACTS = ("<!-- facts: written by generate.py -->", "<!-- end of facts -->")


@dataclass(frozen=True)
class Shop:
    """A whole generated shop: its laws, its customers, how common each taste is, and a year of purchases."""

    world: World
    customers: list[Customer]
    prior: np.ndarray
    log: list[Purchases]


def make_shop(seed: int = SEED, kind: Kind = "sample", n_customers: int = N_CUSTOMERS) -> Shop:
    """The shop of a seed; the same seed gives the same shop."""
    world = make_world(make_catalogue(seed), kind)
    customers, prior = make_customers(world, seed, n_customers, kind)
    return Shop(world, customers, prior, simulate(world, customers, seed))


def make_files(shop: Shop) -> dict[str, bytes]:
    """Contents of the four data files by name.

    Where purchases are missing from the record there is no oracle: its laws go by all that a customer bought.
    """
    files = {"interactions.csv": _interactions(shop), "items.csv": _items(shop), "users.csv": _users(shop)}
    if any(customer.n_recorded < customer.n_purchases for customer in shop.customers):
        return {name: text.encode("utf-8") for name, text in files.items()}
    truth = oracle(shop.world, shop.customers, shop.prior, shop.log)
    files["oracle.json"] = json.dumps(truth, indent=2, ensure_ascii=False) + "\n"
    return {name: text.encode("utf-8") for name, text in files.items()}


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _interactions(shop: Shop) -> str:
    ids = [p.item_id for p in shop.world.catalogue.products]
    rows = [
        (time, position, customer.user_id, ids[item])
        for customer, purchases in zip(shop.customers, shop.log, strict=True)
        for position, (item, time) in enumerate(zip(purchases.items, purchases.times, strict=True))
    ]
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    return _table(("user_id", "item_id", "timestamp"), ((user, item, time) for time, _, user, item in rows))


def _items(shop: Shop) -> str:
    catalogue = shop.world.catalogue
    header = ("item_id", "title", "title_zh", "category", "category_zh", "brand", "price")
    rows = (
        (
            p.item_id,
            p.title,
            p.title_zh,
            *catalogue.category_name(p),
            catalogue.brand_name(p),
            f"{p.price:.2f}" if p.price_known else "",
            p.description,
            p.description_zh,
        )
        for p in catalogue.products
    )
    return _table((*header, "description", "description_zh"), rows)


def _users(shop: Shop) -> str:
    rows = ((c.user_id, c.region, c.age_band if c.age_known else "", c.signup_month) for c in shop.customers)
    return _table(("user_id", "region", "age_band", "signup_month"), rows)


def facts(shop: Shop, files: dict[str, bytes]) -> str:
    """The facts and figures of the data card, as a Markdown table."""
    counts = np.array([len(p) for p in shop.log])
    sold = np.sort(np.bincount(np.concatenate([p.items for p in shop.log]), minlength=shop.world.n_items))[::-1]
    truth = json.loads(files["oracle.json"])
    fair = truth["history_only"]
    cut = head_cut(shop.log)
    rows = [
        ("customers / products / purchases", f"{len(counts):,} / {shop.world.n_items:,} / {counts.sum():,}"),
        ("products sold at least once", f"{(sold > 0).sum():,}"),
        ("purchases a customer: median, mean, most", f"{np.median(counts):.0f}, {counts.mean():.1f}, {counts.max()}"),
        ("customers with ten purchases or fewer", f"{(counts <= 10).mean():.1%}"),
        ("customers with one or two (train only)", f"{(counts < MIN_PURCHASES).sum()}"),
        ("share of sales of the top tenth of products", f"{sold[: len(sold) // 10].sum() / sold.sum():.1%}"),
        ("head customers: training history of at least", f"{cut} purchases"),
        ("tested customers: all, head, tail", ", ".join(f"{truth[c]['n']:,}" for c in ("all", "head", "tail"))),
        ("all-knowing ceiling, NDCG@10: all, head, tail", _three(truth)),
        ("history-only ceiling, NDCG@10: all, head, tail", _three(fair)),
        ("prices left empty", f"{sum(not p.price_known for p in shop.world.catalogue.products)} products"),
        ("age bands left empty", f"{sum(not c.age_known for c in shop.customers)} customers"),
    ]
    return "\n".join(["| fact | figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _three(truth: dict[str, Any]) -> str:
    return ", ".join(f"{truth[cohort]['value']:.4f}" for cohort in ("all", "head", "tail"))


def with_facts(card: str, table: str) -> str:
    """The data card with its facts table replaced."""
    before, _, rest = card.partition(FACTS[0])
    _, _, after = rest.partition(FACTS[1])
    return f"{before}{FACTS[0]}\n{table}\n{FACTS[1]}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Generate the sample shop, or check the committed files.")
    parser.add_argument("--check", action="store_true", help="compare with the committed files; write nothing")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this one)")
    parser.add_argument("--world", choices=get_args(Kind), default="sample", help="which shop (default: the sample)")
    options = parser.parse_args(arguments)
    if options.world != "sample":
        if options.check or options.out.resolve() == HERE:
            parser.error(f"--world {options.world} is not committed: name a folder for it with --out, without --check")
        return _write(make_files(make_shop(kind=options.world)), options.out)
    shop = make_shop()
    files = make_files(shop)
    table = facts(shop, files)
    card = options.out / "README.md"
    if card.is_file():
        files["README.md"] = with_facts(card.read_text(encoding="utf-8"), table).encode("utf-8")
    print(table)
    if options.check:
        held = {name: options.out / name for name in files}
        stale = [name for name, path in held.items() if not path.is_file() or path.read_bytes() != files[name]]
        print(f"Differs: {', '.join(stale)}. Run this without --check." if stale else f"{len(files)} files match.")
        return 1 if stale else 0
    return _write(files, options.out)


def _write(files: dict[str, bytes], folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    print(f"Wrote {', '.join(files)}: {sum(map(len, files.values())):,} bytes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
