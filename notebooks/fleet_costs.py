"""A fleet's costs, from the read-only copy of the warehouse: `marimo run notebooks/fleet_costs.py`.

Needs duckdb, marimo and matplotlib, and nothing of this project. `HOLOGRAM_REPORTS` names the folder of the copy; else it is
`reports` beside `HOLOGRAM_WAREHOUSE`, and where neither is set and there is none, what `make demo` left.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Fleet costs")

with app.setup:
    import os
    from datetime import UTC, datetime
    from decimal import Decimal
    from pathlib import Path
    from typing import Any

    import duckdb
    import marimo as mo

    NAMED, WAREHOUSE = os.environ.get("HOLOGRAM_REPORTS"), os.environ.get("HOLOGRAM_WAREHOUSE")
    COPY = Path(NAMED or Path(WAREHOUSE or "data/hologram.duckdb").parent / "reports").expanduser() / "current.duckdb"
    DEMO = Path("data/demo/reports/current.duckdb")
    # Whoever names a place wants that one: a sandbox's numbers in its stead would be believed.
    IS_DEMO = not NAMED and not WAREHOUSE and not COPY.exists() and DEMO.exists()
    if IS_DEMO:
        COPY = DEMO
    # Organisation (null: all) and day, in every query that has them.
    CHOSEN = "day = $day AND ($org_id::BIGINT IS NULL OR org_id = $org_id)"


@app.function
def ask(query: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows as dictionaries; money is `Decimal`.

    The copy is opened for this one query: it is replaced after each run, and who keeps it open goes on seeing the old one.
    """
    with duckdb.connect(COPY, read_only=True) as connection:
        found = connection.execute(query, parameters)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@app.function
def said(text: str, kind: str = "warn") -> mo.Html:
    """Words in a box; as a script they are printed."""
    if not mo.running_in_notebook():
        print(text)
    return mo.callout(mo.md(text), kind=kind)


@app.function
def as_text(value: Any) -> Any:
    """A cell of a table: money with its six places, numbers by their thousands."""
    if isinstance(value, Decimal):
        return f"{value:,.6f}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value


@app.function
def shown(rows: list[dict[str, Any]], otherwise: str) -> mo.Html:
    """A table, or words where there is nothing to show.

    It can't be downloaded: names of devices come from outside, and a spreadsheet would take `=…` for a formula.
    `hologram-assets report --format xlsx` and `csv` neutralise that.
    """
    if not rows:
        return mo.md(f"*{otherwise}*")
    return mo.ui.table(
        rows,
        selection=None,
        page_size=20,
        show_download=False,
        show_column_summaries=False,
        show_data_types=False,
        text_justify_columns={
            name: "right" for name, value in rows[0].items() if isinstance(value, (Decimal, int, float))
        },
        wrapped_columns=[name for name in rows[0] if name in ("what", "arithmetic")],
        # Nobody reads an id by its thousands.
        format_mapping={name: str if name in ("org", "SIM") else as_text for name in rows[0]},
    )


@app.function
def section(title: str, words: str, *parts: Any) -> mo.Html:
    """A heading, what stands below it, and that."""
    return mo.vstack([mo.md(f"## {title}"), mo.md(words), *parts])


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Fleet costs

    What the SIMs' running billing periods cost so far and will cost, as published after the last run.

    **Money** is USD and exact: `DECIMAL` with six places from Hologram's prices to this page, never a float (only the lines
    of the picture are). All amounts are of the billing periods that run at the end of the chosen day. A SIM's period lasts
    30 days and begins on its own day, so an amount *to date* falls when SIMs' periods end and begin again from zero.

    * **Recurring** is what plans cost per period; it is due in full however little is used.
    * **Usage** is what pay-as-you-go SIMs have used; **overage** is what the others have used beyond their allowance.
    * **To date** is the three together; **expected** is the same at the periods' ends, where usage goes on as before.
    * **At most** is what it would be if every SIM reached what it stays below nine times out of ten. The fleet will
      very likely cost less, unless something moves all SIMs on one day, as a firmware update can.
    * Usage that has no price (pooled plans, unknown plans, days that lack) is in no amount: its SIMs are counted below. On
      days on which that befell many, the line of the picture is too low.
    """)
    return


@app.cell
def _():
    problem = None
    organisations = []
    try:
        if COPY.exists():
            organisations = [
                row["org_id"] for row in ask("SELECT DISTINCT org_id FROM hologram.fleet_summary ORDER BY org_id")
            ]
            if not organisations:
                problem = f"{COPY} has no fleet summary yet. Materialise `fleet_summary`, then open this page again."
        else:
            problem = (
                f"There is no {COPY}. Each run that stores `fleet_summary` publishes it; load data first "
                "(`hologram-assets backfill`), or name its folder in `HOLOGRAM_REPORTS`."
            )
    except duckdb.Error as error:
        problem = f"{COPY} can't be read. DuckDB says: {error}"
    mo.stop(problem is not None, said(problem) if problem else None)
    said(
        "This is the demo's copy: a sandbox made up every number. `HOLOGRAM_REPORTS` names another."
    ) if IS_DEMO else None
    return (organisations,)


@app.cell
def _(organisations):
    organisation = mo.ui.dropdown(
        {"all": None} | {str(org_id): org_id for org_id in organisations}, value="all", label="Organisation"
    )
    again = mo.ui.run_button(label="Read the newest copy")
    return again, organisation


@app.cell
def _(again, organisation):
    # A click on the button, which this cell shows, runs it again.
    _days = ask(
        """SELECT DISTINCT day FROM hologram.fleet_summary
        WHERE $org_id::BIGINT IS NULL OR org_id = $org_id ORDER BY day DESC""",
        org_id=organisation.value,
    )
    _options = {str(row["day"]): row["day"] for row in _days}
    day = mo.ui.dropdown(_options, value=next(iter(_options)), label="Day")
    _published = datetime.fromtimestamp(COPY.stat().st_mtime, UTC)
    mo.hstack([organisation, day, again, mo.md(f"published {_published:%Y-%m-%d %H:%M} UTC")], justify="start", gap=2)
    return (day,)


@app.cell
def _(day, organisation):
    chosen = {"day": day.value, "org_id": organisation.value}
    return (chosen,)


@app.cell
def _(chosen, organisations):
    headline = ask(
        f"""SELECT
            list(org_id ORDER BY org_id) AS organisations, sum(sims)::BIGINT AS sims,
            sum(sims - priced_sims)::BIGINT AS not_priced, sum(cost_to_date) AS cost_to_date,
            sum(projected_cost) AS projected_cost, sum(bound_cost) AS bound_cost, sum(recurring_cost) AS recurring_cost,
            sum(usage_charge) AS usage_charge, sum(overage_cost) AS overage_cost,
            sum(projected_overage_cost) AS projected_overage_cost, sum(sims_over)::BIGINT AS sims_over,
            sum(sims_will_exceed)::BIGINT AS sims_will_exceed, sum(uncapped_sims)::BIGINT AS uncapped_sims,
            sum(uncapped_bound_cost) AS uncapped_bound_cost
        FROM hologram.fleet_summary WHERE {CHOSEN} AND scope = 'total'""",
        **chosen,
    )[0]
    _named = ", ".join(map(str, headline["organisations"] or []))
    _missing = sorted(set(organisations) - set(headline["organisations"] or [])) if chosen["org_id"] is None else []
    _summed = (
        f"Organisation {_named} at the end of {chosen['day']}: {as_text(headline['cost_to_date'])} USD to date, "
        f"{as_text(headline['projected_cost'])} USD expected."
    )
    if _missing:
        _summed += f" Not in it, for that day has no summary of them: {', '.join(map(str, _missing))}."

    def _stat(name: str, label: str, caption: str) -> mo.Html:
        value = as_text(headline[name])
        return mo.stat("?" if value is None else value, label=label, caption=caption, bordered=True)

    mo.vstack(
        [
            said(_summed, "warn" if _missing else "info"),
            mo.hstack(
                [
                    _stat("cost_to_date", "to date", "USD"),
                    _stat("projected_cost", "expected", "USD at the periods' ends"),
                    _stat("bound_cost", "at most", "USD if every SIM reached its bound"),
                    _stat("recurring_cost", "recurring", "USD of the plans"),
                ],
                widths="equal",
            ),
            mo.hstack(
                [
                    _stat("overage_cost", "overage", "USD so far"),
                    _stat("projected_overage_cost", "overage expected", "USD at the periods' ends"),
                    _stat("usage_charge", "usage", "USD of pay as you go so far"),
                    _stat("uncapped_bound_cost", "overage at most without a limit", "USD"),
                ],
                widths="equal",
            ),
            mo.hstack(
                [
                    _stat("sims", "SIMs", "in the day's report"),
                    _stat("sims_over", "over", "their allowance"),
                    _stat("sims_will_exceed", "will exceed", "their allowance"),
                    _stat("not_priced", "not priced", "their usage is in no amount"),
                ],
                widths="equal",
            ),
        ]
    )
    return (headline,)


@app.cell
def _(chosen):
    from matplotlib.figure import Figure

    history = ask(
        """SELECT day, sum(cost_to_date) AS cost_to_date, sum(projected_cost) AS projected_cost
        FROM hologram.fleet_summary
        WHERE day > $day::DATE - 90 AND day <= $day AND ($org_id::BIGINT IS NULL OR org_id = $org_id) AND scope = 'total'
        GROUP BY day ORDER BY day""",
        **chosen,
    )
    # The figure alone: pyplot would keep every one that was ever drawn.
    picture = Figure(figsize=(9, 3.2), layout="constrained")
    _axes = picture.subplots()
    for _name, _label, _colour in (("projected_cost", "expected", "#E69F00"), ("cost_to_date", "to date", "#0072B2")):
        _points = [(row["day"], float(row[_name])) for row in history if row[_name] is not None]
        _axes.plot([at for at, _ in _points], [usd for _, usd in _points], marker=".", color=_colour, label=_label)
    _axes.set_ylim(bottom=0)
    _axes.set_ylabel("USD")
    _axes.legend(frameon=False)
    _axes.spines[["top", "right"]].set_visible(False)
    picture.autofmt_xdate()
    section(
        "Cost by day",
        "What the running periods had cost at the end of each of the last 90 days, and what was expected then.",
        picture,
    )
    return history, picture


@app.cell
def _(chosen):
    _sums = ask(
        f"""SELECT
            sum(before_cost) AS before_cost, sum(late_corrections) AS late_corrections, sum(sim_count) AS sim_count,
            sum(became_known) AS became_known, sum(periods_begun) AS periods_begun, sum(plan_mix) AS plan_mix,
            sum(rate) AS rate, sum(usage_per_sim) AS usage_per_sim, sum(after_cost) AS after_cost
        FROM hologram.fleet_cost_changes WHERE {CHOSEN} AND since = 'yesterday' AND scope = 'total'""",
        **chosen,
    )[0]
    _words = {
        "before_cost": "yesterday, as it stood when today began",
        "late_corrections": "late sessions and corrected totals of yesterday and before",
        "sim_count": "SIMs that came, less those that are gone",
        "became_known": "usage and prices that were not known yesterday, less those that are not today",
        "periods_begun": "periods that ended: their usage and overage count from zero again",
        "plan_mix": "SIMs on other plans",
        "rate": "other prices",
        "usage_per_sim": "the same SIMs used more or less",
        "after_cost": "today",
    }
    changes = [{"what": words, "USD": _sums[name]} for name, words in _words.items() if _sums[name] is not None]
    changes_by_plan = ask(
        f"""SELECT org_id AS org, coalesce(plan_name, plan_id::VARCHAR, 'unknown') AS plan, before_cost AS "yesterday, USD",
            after_cost - before_cost AS "difference, USD", late_corrections AS "late", sim_count AS "SIMs came and went",
            became_known AS "became known", periods_begun AS "periods begun", plan_mix AS "other plans",
            rate AS "other prices", usage_per_sim AS "usage per SIM"
        FROM hologram.fleet_cost_changes
        WHERE {CHOSEN} AND since = 'yesterday' AND scope = 'plan' AND after_cost <> before_cost
        ORDER BY abs(after_cost - before_cost) DESC, org_id, plan_id""",
        **chosen,
    )
    section(
        "What changed since yesterday",
        "The effects add up, to the last place, to the difference between the two days' costs to date.",
        shown(changes, "The day before is not stored, so nobody knows."),
        shown(changes_by_plan, "No plan's cost is another than yesterday."),
    )
    return changes, changes_by_plan


@app.cell
def _(chosen):
    plans = ask(
        f"""SELECT org_id AS org, coalesce(plan_name, plan_id::VARCHAR, 'unknown') AS plan, sims AS "SIMs",
            priced_sims AS "priced", sims_over AS "over", sims_will_exceed AS "will exceed", usage_bytes AS "bytes",
            cost_to_date AS "to date, USD", projected_cost AS "expected, USD", recurring_cost AS "recurring, USD",
            usage_charge AS "usage, USD", overage_cost AS "overage, USD", projected_overage_cost AS "overage expected, USD"
        FROM hologram.fleet_summary WHERE {CHOSEN} AND scope = 'plan'
        ORDER BY projected_cost DESC NULLS LAST, org_id, plan_id""",
        **chosen,
    )
    section(
        "By plan", "What each costs, those that will cost most first.", shown(plans, "There is no plan on this day.")
    )
    return (plans,)


@app.cell
def _(chosen):
    recommended = ask(
        f"""SELECT org_id AS org, linkid AS "SIM", device_name AS device, plan_name AS plan,
            recommended_plan_name AS "better plan", saving_per_period AS "saving per period, USD",
            saving_percent AS "saving, %", forecast_saving AS "in the running one, USD", periods, arithmetic
        FROM hologram.plan_recommendations WHERE {CHOSEN} AND verdict = 'recommended'
        ORDER BY saving_per_period DESC NULLS LAST, org_id, linkid""",
        **chosen,
    )
    section(
        "Recommended changes of plan",
        "What a change would have saved per closed period on average, and what it saves in the running one if the SIM uses "
        "what it stays below nine times out of ten; at the day's prices. Some plans have long periods.",
        shown(recommended, "No change of plan is recommended."),
    )
    return (recommended,)


@app.cell
def _(chosen):
    without_limit = ask(
        f"""SELECT org_id AS org, linkid AS "SIM", device_name AS device, plan_name AS plan, pct_used AS "allowance used, %",
            overage_cost AS "overage, USD", projected_overage_cost AS "overage expected, USD",
            usage_charge AS "usage, USD", projected_usage_charge AS "usage expected, USD", status
        FROM hologram.overage_report WHERE {CHOSEN} AND overage_limit_bytes = -1
        ORDER BY greatest(coalesce(overage_cost, 0) + coalesce(usage_charge, 0),
                coalesce(projected_overage_cost, 0) + coalesce(projected_usage_charge, 0)) DESC,
            pct_used DESC NULLS LAST, org_id, linkid
        LIMIT 200""",
        **chosen,
    )
    section(
        "SIMs without an overage limit",
        "Nothing pauses these. Those whose overage, or usage on pay as you go, is or will be largest come first; up to 200.",
        shown(without_limit, "Every SIM has a limit, or nobody tells which it has."),
    )
    return (without_limit,)


@app.cell
def _(chosen):
    worst = ask(
        f"""SELECT org_id AS org, linkid AS "SIM", device_name AS device, plan_name AS plan, status,
            pricing_status AS price, period_end AS "period ends (UTC)", usage_bytes AS "bytes",
            included_bytes AS "of bytes", pct_used AS "allowance used, %",
            coalesce(overage_cost, 0) + coalesce(usage_charge, 0) AS "so far, USD",
            coalesce(projected_overage_cost, 0) + coalesce(projected_usage_charge, 0) AS "expected, USD",
            exhausted_on AS "runs out"
        FROM hologram.overage_report WHERE {CHOSEN} AND status <> 'ok'
        ORDER BY greatest("so far, USD", "expected, USD") DESC, coalesce(pct_used, 0) DESC, org_id, linkid
        LIMIT 50""",
        **chosen,
    )
    section(
        "The SIMs to look at first",
        "By what they will cost beyond their plan at the period's end, or cost already where nothing is foreseen; up to 50.",
        shown(worst, "Every SIM is within its allowance."),
    )
    return (worst,)


if __name__ == "__main__":
    app.run()
