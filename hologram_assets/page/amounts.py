"""The tables of money in whole cents: rows add up as shown, and what a column lacks to its total has a row of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hologram_assets.page.cents import shared_cents, to_cents
from hologram_assets.page.view import Change, Cost, Effects, Line, OrganisationView

ROUNDING = "rounding"


@dataclass(frozen=True)
class Row:
    """A row of cents; `label` None: a plan that nobody knows. `counts` are no money and come before it."""

    label: str | None
    counts: tuple[int | None, ...]
    cents: tuple[int, ...]


@dataclass(frozen=True)
class Sums:
    """Rows, and below them what they come to: the others' row, the rounding where there is some, and the total."""

    rows: tuple[Row, ...]
    others: Row | None
    rounding: Row | None
    total: Row


@dataclass(frozen=True)
class Overview:
    """The organisations as a table. `known` has for each amount the organisations that its total is of."""

    sums: Sums
    known: tuple[int, ...]
    organisations: int


def cost_row(cost: Cost) -> Row:
    """SIMs; recurring, usage, overage, cost to date; usage, overage, expected; upper bound.

    Recurring, usage and overage add up to the cost to date, and recurring with the expected ones to the expected cost.
    """
    recurring, to_date, expected = (to_cents(amount) for amount in (cost.recurring, cost.to_date, cost.expected))
    so_far = shared_cents(to_date - recurring, [cost.usage, cost.overage])
    ahead = shared_cents(expected - recurring, [cost.projected_usage, cost.projected_overage])
    return Row(cost.plan, (cost.sims,), (recurring, *so_far, to_date, *ahead, expected, to_cents(cost.bound)))


def effects_row(effects: Effects) -> Row:
    """The cost before, the seven effects, and the cost after, which they add up to."""
    before, after = to_cents(effects.before), to_cents(effects.after)
    return Row(effects.plan, (), (before, *shared_cents(after - before, effects.parts), after))


def cost_table(view: OrganisationView) -> Sums | None:
    """What the running periods cost by plan."""
    if view.cost is None:
        return None
    others = cost_row(view.other_plans) if view.other_plans else None
    return _sums([cost_row(plan) for plan in view.plans], others, cost_row(view.cost))


def change_table(change: Change) -> Sums:
    """Why the cost to date changed, by plan."""
    others = effects_row(change.other_plans) if change.other_plans else None
    return _sums([effects_row(plan) for plan in change.plans], others, effects_row(change.total))


def lines_table(lines: Sequence[Line], more: Line | None, more_count: int) -> Overview:
    """SIMs, over, will exceed, without a cost, open alerts; change since yesterday, cost to date, expected.

    An amount that is not known of an organisation is in no total; a total that none is in is nothing that can be shown.
    """
    shown = [_line_row(line) for line in lines]
    others = _line_row(more) if more else None
    every = [*lines, more] if more else list(lines)
    counts = tuple(_sum_of_known(column) for column in zip(*(_counts(line) for line in every), strict=True))
    compared = [line for line in every if _is_compared(line)]
    since = _cents(line.to_date for line in compared) - _cents(line.yesterday for line in compared)
    amounts = since, _cents(line.to_date for line in every), _cents(line.expected for line in every)
    sizes = [*(1 for _ in lines), *([more_count] if more else [])]
    known = zip(*([size * each for each in _known(line)] for size, line in zip(sizes, every, strict=True)), strict=True)
    return Overview(_sums(shown, others, Row(None, counts, amounts)), tuple(map(sum, known)), sum(sizes))


def _line_row(line: Line) -> Row:
    since = _cents([line.to_date]) - _cents([line.yesterday]) if _is_compared(line) else 0
    return Row(None, _counts(line), (since, _cents([line.to_date]), _cents([line.expected])))


def _is_compared(line: Line) -> bool:
    return None not in (line.to_date, line.yesterday)


def _known(line: Line) -> tuple[bool, bool, bool]:
    return _is_compared(line), line.to_date is not None, line.expected is not None


def _counts(line: Line) -> tuple[int | None, ...]:
    return line.sims, line.sims_over, line.sims_will_exceed, line.sims_without_cost, line.open_alerts


def _sum_of_known(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cents(amounts: Iterable[Decimal | None]) -> int:
    """The amounts that are known, together."""
    return to_cents(sum((amount for amount in amounts if amount is not None), Decimal(0)))


def _sums(rows: Sequence[Row], others: Row | None, total: Row) -> Sums:
    shown = [*rows, others] if others else list(rows)
    lacking = tuple(of_all - sum(row.cents[at] for row in shown) for at, of_all in enumerate(total.cents))
    # Without a row there is nothing to compare the total with.
    rounding = Row(ROUNDING, (), lacking) if shown and any(lacking) else None
    return Sums(tuple(rows), others, rounding, total)
