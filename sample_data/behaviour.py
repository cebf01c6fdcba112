"""Who the customers are, when they come, and the true probability of what each buys next.

The next purchase is drawn from `next_item`, and the oracle ranks by the same function: there is one truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np

from sample_data.catalogue import Catalogue
from sample_data.draws import Draws

N_CUSTOMERS = 3000
YEAR_START = datetime(2025, 1, 1, tzinfo=UTC)
N_DAYS = 365

# Activity: 3 + log-normal, capped; solved for about 45,000 purchases with four customers in five at ten or fewer.
# The least active, one in twelve, came once or twice only: nobody can be tested on those.
ACTIVITY_MEDIAN = 1.2
ACTIVITY_SPREAD = 2.4
ACTIVITY_CAP = 250
ONCE_OR_TWICE = 1 / 12

# Where the next purchase comes from. A newcomer buys what the season offers; the more a customer has already, the more
# the next purchase follows from it: after n purchases, a share FOLLOW * n / (n + SETTLING). The rest is the season's.
FOLLOW = 0.5  # a companion of one of the last three purchases
SETTLING = 1.0
FOLLOW_BY_AGE = (0.62, 0.26, 0.12)  # newest first; the share of a purchase that is not there is the season's too
TASTE = 0.42  # the customer's own taste

AGAIN_WINDOW = 8  # a durable category among the last 8 purchases ...
AGAIN = 0.25  # ... is this much less likely, whatever the reason for buying
LOYALTY = 12.0  # weight of the favourite brand against any other
PRICE_LEVELS = (-0.9, 0.0, 0.9)  # what cheap, middling and dear buyers look for, in standard deviations of log price
PRICE_WIDTH = 0.55
OTHER_CATEGORY = 0.1  # weight of a category that a persona does not love
MONTH_TRADE = (0.85, 0.75, 0.85, 1.0, 1.15, 1.2, 1.1, 0.95, 0.9, 0.95, 1.25, 1.5)
HOUR_TRADE = (0.2, 0.4, 0.8, 1, 1, 1.1, 1.2, 1, 0.9, 0.9, 1, 1.2, 1.5, 1.7, 1.4, 0.8)  # 7 to 22 o'clock
MISSING_AGES = 30

Kind = Literal["sample", "short-records", "different-tails"]
"""Which shop: the sample, or one of two whose tail customers are known to differ from the head in one thing alone.

short-records: in nothing but the record. Everybody has been busy, and of the tail customers only the newest purchases
are known. different-tails: in taste. Tail customers mostly buy what hardly anybody else does, and seldom a companion.
"""

HEAD_SHARE = 0.2
RARE_TASTE = 0.8  # share of a different tail customer's purchases that their own taste decides


@dataclass(frozen=True)
class Tastes:
    """Every taste a customer can have: a persona, a price level and a favourite brand.

    Attributes:
        chances: (S, V) chance of each product under each taste; rows sum to 1.
        weights: (S,) how much a taste counts beside companions and season; TASTE but for rare tastes.
        shape: (sets, personas, price levels, brands); S is their product, the last running fastest. There is one set,
            and a second of rare tastes in the shop of different tails.
    """

    chances: np.ndarray
    weights: np.ndarray
    shape: tuple[int, int, int, int]

    def number(self, rare: bool, persona: int, level: int, brand: int) -> int:
        """Row of a taste."""
        return int(np.ravel_multi_index((int(rare), persona, level, brand), self.shape))


@dataclass(frozen=True)
class World:
    """All that the generator knows about the shop.

    Attributes:
        seasons: (12, V) chance of each product in each month, taste aside; rows sum to 1.
        durable: (categories,) bool.
    """

    catalogue: Catalogue
    tastes: Tastes
    seasons: np.ndarray
    durable: np.ndarray

    @property
    def n_items(self) -> int:
        return len(self.catalogue.products)


@dataclass(frozen=True)
class Customer:
    """One row of users.csv, and what the file does not say: the taste. `age_known` is False for a few.

    Of `n_purchases` the newest `n_recorded` are in the log; all of them but in the shop of short records.
    """

    user_id: str
    region: str
    age_band: str
    signup_month: str
    taste: int
    n_purchases: int
    first_day: int
    age_known: bool
    n_recorded: int


@dataclass(frozen=True)
class Purchases:
    """A customer's purchases, oldest first: row numbers of products, and seconds since 1970 UTC."""

    items: tuple[int, ...]
    times: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.items)


def make_world(catalogue: Catalogue, kind: Kind = "sample") -> World:
    """The laws of behaviour over a catalogue."""
    categories = catalogue.words["categories"]
    months = np.arange(1, 13)
    swing = np.array([c["swing"] for c in categories])
    peak = np.array([c["peak_month"] for c in categories])
    wave = np.exp(swing[None, :] * np.cos(2 * math.pi * (months[:, None] - peak[None, :]) / 12))
    seasons = wave[:, catalogue.category] * catalogue.popularity
    seasons /= seasons.sum(axis=1, keepdims=True)
    durable = np.array([c["durable"] for c in categories])
    return World(catalogue, _make_tastes(catalogue, kind == "different-tails"), seasons, durable)


def _make_tastes(catalogue: Catalogue, rare: bool) -> Tastes:
    """Category by persona; inside a category by price level, favourite brand and popularity.

    Rare tastes, if wanted, go by persona too, but inside a category by how unpopular a product is, and nothing else.
    """
    names = [c["name"][0] for c in catalogue.words["categories"]]
    personas = catalogue.words["personas"]
    brands = np.arange(len(catalogue.words["brands"]))
    love = np.array([[p["loves"].get(name, OTHER_CATEGORY) for name in names] for p in personas], dtype=np.float64)
    love /= love.sum(axis=1, keepdims=True)
    fit = np.exp(-((catalogue.price_place - np.array(PRICE_LEVELS)[:, None]) ** 2) / (2 * PRICE_WIDTH**2))
    loyal = np.where(catalogue.brand == brands[:, None], LOYALTY, 1.0)
    inside = fit[:, None, :] * loyal[None, :, :] * catalogue.popularity  # (levels, brands, V)
    for number in range(len(names)):
        here = catalogue.category == number
        inside[:, :, here] /= inside[:, :, here].sum(axis=2, keepdims=True)
    chances = love[:, None, None, catalogue.category] * inside[None]  # (personas, levels, brands, V)
    chances = chances.reshape(-1, len(catalogue.products))
    weights = np.full(len(chances), TASTE)
    shape = (len(personas), len(PRICE_LEVELS), len(brands))
    if not rare:
        return Tastes(chances, weights, (1, *shape))
    odd = 1 / catalogue.popularity
    odd /= np.bincount(catalogue.category, odd)[catalogue.category]
    odd_chances = np.repeat(love[:, catalogue.category] * odd, len(chances) // len(personas), axis=0)
    # Beside what is common, which is 1 - TASTE in all, this weight makes RARE_TASTE of the whole.
    odd_weights = np.full(len(chances), RARE_TASTE * (1 - TASTE) / (1 - RARE_TASTE))
    return Tastes(np.concatenate([chances, odd_chances]), np.concatenate([weights, odd_weights]), (2, *shape))


def context(world: World, history: Sequence[int], time: int) -> tuple[np.ndarray, np.ndarray]:
    """What the history and the date alone say about the next purchase.

    Returns:
        (V,) chances by companions and season, summing to 1 - TASTE; and (V,) what is left of each product's chance,
        0 for products already bought, AGAIN for those of a durable category bought lately, else 1.
    """
    common = np.zeros(world.n_items)
    follow = FOLLOW * len(history) / (len(history) + SETTLING)
    rest = 1.0 - TASTE
    for item, share in zip(reversed(history[-len(FOLLOW_BY_AGE) :]), FOLLOW_BY_AGE, strict=False):
        common += follow * share * world.catalogue.companions[item]
        rest -= follow * share
    common += rest * world.seasons[datetime.fromtimestamp(time, UTC).month - 1]
    left = appetite(world, history)[world.catalogue.category]
    left[list(history)] = 0.0
    return common, left


def appetite(world: World, history: Sequence[int]) -> np.ndarray:
    """(categories,) AGAIN for durable categories bought lately, else 1."""
    wanted = np.ones(len(world.durable))
    if len(history):
        lately = world.catalogue.category[list(history[-AGAIN_WINDOW:])]
        wanted[lately[world.durable[lately]]] = AGAIN
    return wanted


def next_item(world: World, history: Sequence[int], time: int, taste: int) -> np.ndarray:
    """(V,) the true probability of each product as a customer's next purchase; sums to 1.

    p(j) is proportional to left(j) * (common(j) + weight * taste(j)), where the weight is the taste's and mostly TASTE:
    see `context`. Products already bought have 0.
    """
    common, left = context(world, history, time)
    chances = left * (common + world.tastes.weights[taste] * world.tastes.chances[taste])
    return chances / chances.sum()


def activity(n: int) -> np.ndarray:
    """(n,) numbers of purchases, ascending: the quantiles of 3 + a log-normal, rounded down and capped."""
    normal = NormalDist()
    quantiles = [normal.inv_cdf((i + 0.5) / n) for i in range(n)]
    counts = [min(3 + int(ACTIVITY_MEDIAN * math.exp(ACTIVITY_SPREAD * q)), ACTIVITY_CAP) for q in quantiles]
    few = round(n * ONCE_OR_TWICE)
    counts[:few] = [1 + 2 * i // few for i in range(few)]
    return np.array(counts)


def make_customers(
    world: World, seed: int, n: int = N_CUSTOMERS, kind: Kind = "sample"
) -> tuple[list[Customer], np.ndarray]:
    """n customers, and (S,) how common each taste is among them by the laws they were drawn from."""
    draws = Draws(f"customers {seed}")
    words = world.catalogue.words
    loyal_to = _brand_shares(words)
    regions = np.array([r["share"] for r in words["regions"]], dtype=np.float64)
    ages = np.array([a["share"] for a in words["ages"]], dtype=np.float64)
    silent = set(draws.pick_some(np.ones(n), MISSING_AGES))
    recorded = activity(n)[draws.shuffled(n)]
    is_tail = recorded < np.sort(recorded)[-math.ceil(HEAD_SHARE * n)]
    counts = _as_busy(recorded, is_tail, Draws(f"records {seed}")) if kind == "short-records" else recorded
    prior = np.zeros(world.tastes.shape)
    customers: list[Customer] = []
    for row in range(n):
        region, age = words["regions"][draws.pick(regions)], words["ages"][draws.pick(ages)]
        persona_weights = np.array(
            [p["share"] * (2.0 if region["name"] in p["at_home_in"] else 1.0) for p in words["personas"]]
        )
        level_weights = np.array(age["levels"], dtype=np.float64)
        persona, level = draws.pick(persona_weights), draws.pick(level_weights)
        brand = draws.pick(loyal_to[persona])
        both = np.outer(persona_weights / persona_weights.sum(), level_weights / level_weights.sum())
        rare = kind == "different-tails" and bool(is_tail[row])
        prior[int(rare)] += both[:, :, None] * loyal_to[:, None, :]
        month, first_day = _joined(int(counts[row]), draws)
        taste = world.tastes.number(rare, persona, level, brand)
        sizes = int(counts[row]), first_day, row not in silent, int(recorded[row])
        customers.append(Customer(f"c{row + 1:04d}", region["name"], age["band"], month, taste, *sizes))
    return customers, prior.reshape(-1) / n


def _as_busy(recorded: np.ndarray, is_tail: np.ndarray, draws: Draws) -> np.ndarray:
    """(n,) purchases if the tail were as busy as the head; a head customer has as many as are recorded."""
    busy = recorded[~is_tail]
    counts = recorded.copy()
    counts[is_tail] = [busy[draws.whole(0, len(busy) - 1)] for _ in range(int(is_tail.sum()))]
    return counts


def _brand_shares(words: dict) -> np.ndarray:
    """(personas, brands) chance of each favourite brand: mostly of the persona's own zone."""
    shares = np.array([[1.0 if b["zone"] == p["zone"] else 0.25 for b in words["brands"]] for p in words["personas"]])
    return shares / shares.sum(axis=1, keepdims=True)


def _joined(n_purchases: int, draws: Draws) -> tuple[str, int]:
    """Month of signing up and first day of the year with a purchase; busy customers have been here for longer."""
    newcomer = draws.uniform() < (0.4 if n_purchases <= 10 else 0.2 if n_purchases <= 50 else 0.0)
    if not newcomer:
        months_ago = draws.whole(1, 36)
        year, month = divmod((YEAR_START.year * 12) - months_ago, 12)
        return f"{year}-{month + 1:02d}", 0
    first_day = draws.whole(0, 330)
    return (YEAR_START + timedelta(days=first_day)).strftime("%Y-%m"), first_day


@cache
def _trade_by_day() -> np.ndarray:
    """(N_DAYS,) how busy each day of the year is; weekends are busier."""
    days = [YEAR_START + timedelta(days=d) for d in range(N_DAYS)]
    return np.array([MONTH_TRADE[d.month - 1] * (1.5 if d.weekday() >= 5 else 1.0) for d in days])


def visit_times(customer: Customer, draws: Draws) -> tuple[int, ...]:
    """Strictly rising times of a customer's purchases: visits on busy days and at busy hours, minutes apart inside."""
    trade = _trade_by_day().copy()
    trade[: customer.first_day] = 0.0
    hours = np.array(HOUR_TRADE)
    n = customer.n_purchases
    n_visits = max(1, round(n * draws.uniform(0.35, 0.8)))
    starts = [
        draws.pick(trade) * 86400 + (7 + draws.pick(hours)) * 3600 + draws.whole(0, 3000) for _ in range(n_visits)
    ]
    per_visit = [1] * n_visits
    for _ in range(n - n_visits):
        per_visit[draws.whole(0, n_visits - 1)] += 1
    times: list[int] = []
    for start, count in sorted(zip(starts, per_visit, strict=True)):
        now = start
        for _ in range(count):
            now = max(now, times[-1] + 5 if times else 0)
            times.append(now)
            now += draws.whole(20, 400)
    origin = int(YEAR_START.timestamp())
    return tuple(origin + t for t in times)


def simulate(world: World, customers: Sequence[Customer], seed: int) -> list[Purchases]:
    """Every customer's year, as far as it is recorded."""
    out: list[Purchases] = []
    for customer in customers:
        draws = Draws(f"purchases {seed} {customer.user_id}")
        times = visit_times(customer, draws)
        items: list[int] = []
        for time in times:
            items.append(draws.pick(next_item(world, items, time, customer.taste)))
        out.append(Purchases(tuple(items[-customer.n_recorded :]), times[-customer.n_recorded :]))
    return out
