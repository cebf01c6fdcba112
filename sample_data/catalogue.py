"""The products of the shop, how popular each is, and what each leads to. Words come from words.toml."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sample_data.draws import Draws

POPULARITY_EXPONENT = 0.9  # Zipf: the r-th product sells in proportion to r ** -0.9
N_COMPANIONS = 6
COMPANION_EXPONENT = 1.2  # Zipf again: the first companion is bought far more often than the sixth
SAME_BRAND = 6.0  # a companion is this much likelier to be of the same brand
FOREIGN_ZONE = 0.12  # how much an outdoor brand sells of home goods, and the other way round
MISSING_PRICES = 12


def load_words() -> dict[str, Any]:
    """The contents of words.toml."""
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Product:
    """One row of items.csv. `price_known` is False for the few whose price is left empty there."""

    item_id: str
    title: str
    title_zh: str
    category: int
    brand: int
    price: float
    description: str
    description_zh: str
    price_known: bool


@dataclass(frozen=True)
class Catalogue:
    """The shop.

    Attributes:
        words: contents of words.toml; categories and brands are numbered in its order.
        products: V products, in the order of items.csv.
        popularity: (V,) sums to 1.
        companions: (V, V) row i is the chance of each product as companion of product i; rows sum to 1.
    """

    words: dict[str, Any]
    products: tuple[Product, ...]
    popularity: np.ndarray
    companions: np.ndarray

    @cached_property
    def category(self) -> np.ndarray:
        """(V,) number of each product's category."""
        return np.array([p.category for p in self.products])

    @cached_property
    def brand(self) -> np.ndarray:
        """(V,) number of each product's brand."""
        return np.array([p.brand for p in self.products])

    @cached_property
    def price_place(self) -> np.ndarray:
        """(V,) standardised log price within the category: 0 is middling, 1 is dear."""
        return _price_place(self.products)

    def category_name(self, product: Product) -> tuple[str, str]:
        """English and Chinese name of a product's category."""
        english, chinese = self.words["categories"][product.category]["name"]
        return english, chinese

    def brand_name(self, product: Product) -> str:
        """Name of a product's brand."""
        return self.words["brands"][product.brand]["name"]


def make_catalogue(seed: int) -> Catalogue:
    """The shop of a seed."""
    words = load_words()
    draws = Draws(f"catalogue {seed}")
    drafts = [row for c in range(len(words["categories"])) for row in _products_of(words, c, draws)]
    unpriced = set(draws.pick_some(np.ones(len(drafts)), MISSING_PRICES))
    products = tuple(
        Product(f"p{n + 1:04d}", *draft, price_known=n not in unpriced)  # pyright: ignore[reportArgumentType]
        for n, draft in enumerate(drafts)
    )
    weights = np.arange(1, len(products) + 1) ** -POPULARITY_EXPONENT
    popularity = (weights / weights.sum())[draws.shuffled(len(products))]
    return Catalogue(words, products, popularity, _companions(words, products, popularity, draws))


def _products_of(words: dict[str, Any], number: int, draws: Draws) -> list[tuple[Any, ...]]:
    """A category's products: `size` different pairs of a product line and a type, so that every title is unique."""
    category = words["categories"][number]
    pairs = [(b, s, t) for b in range(len(words["brands"])) for s in range(4) for t in range(len(category["types"]))]
    at_home = [1.0 if brand["zone"] == category["zone"] else FOREIGN_ZONE for brand in words["brands"]]
    chosen = draws.pick_some(np.array([at_home[b] for b, _, _ in pairs]), category["size"])
    rows: list[tuple[Any, ...]] = []
    for b, s, t in (pairs[n] for n in sorted(chosen)):
        brand = words["brands"][b]
        series, series_zh = brand["series"][s]
        kind, kind_zh, factor = category["types"][t]
        feature, feature_zh = category["features"][draws.whole(0, len(category["features"]) - 1)]
        use, use_zh = category["uses"][draws.whole(0, len(category["uses"]) - 1)]
        price = category["price"] * factor * brand["level"] * math.exp(0.22 * draws.normal())
        rows.append(
            (
                f"{series} {kind}",
                f"{series_zh}{kind_zh}",
                number,
                b,
                _shelf_price(price),
                f"{feature}, made for {use}.",
                f"{feature_zh}，适合{use_zh}。",
            )
        )
    return rows


def _shelf_price(price: float) -> float:
    """A price as shops write it: 12.50, 34.90, 189.00."""
    if price < 20:
        return max(round(price * 2) / 2, 2.0)
    return round(price) - 0.1 if price < 100 else float(round(price))


def _price_place(products: tuple[Product, ...]) -> np.ndarray:
    logs = np.array([math.log(p.price) for p in products])
    category = np.array([p.category for p in products])
    place = np.empty_like(logs)
    for number in np.unique(category):
        here = category == number
        place[here] = (logs[here] - logs[here].mean()) / logs[here].std()
    return place


def _companions(
    words: dict[str, Any], products: tuple[Product, ...], popularity: np.ndarray, draws: Draws
) -> np.ndarray:
    """(V, V) what leads to what: a few products of the following categories, of like price and, rather, like brand."""
    names = [category["name"][0] for category in words["categories"]]
    category = np.array([p.category for p in products])
    brand = np.array([p.brand for p in products])
    place = _price_place(products)
    zipf = np.arange(1, N_COMPANIONS + 1) ** -COMPANION_EXPONENT
    zipf /= zipf.sum()
    out = np.zeros((len(products), len(products)))
    for i in range(len(products)):
        share = np.zeros(len(names))
        for name, weight in words["categories"][category[i]]["leads_to"].items():
            share[names.index(name)] = weight
        liking = popularity**0.7 * np.exp(-((place - place[i]) ** 2)) * np.where(brand == brand[i], SAME_BRAND, 1.0)
        for weight in zipf:
            here = category == draws.pick(share)
            j = draws.pick(np.where(here, liking, 0.0))
            liking[j] = 0.0
            out[i, j] = weight
    return out
