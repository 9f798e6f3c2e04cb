-- The rules that SQL and Python share; the Python reference is hologram_assets/domain (periods, pricing).
-- Integers and DECIMAL only: `/` and avg() would return DOUBLE. `//` truncates, so floor_div mends negative numbers.

CREATE OR REPLACE MACRO floor_div(number, divisor) AS
    (number - ((number % divisor) + divisor) % divisor) // divisor;

-- Bytes beyond the allowance, rounded up to the billed increment.
CREATE OR REPLACE MACRO billable_bytes(over, increment) AS
    ((over + increment - 1) // increment) * increment;

-- A DECIMAL as a whole number of 10^-9.
CREATE OR REPLACE MACRO nanos(amount) AS
    CAST(CAST(amount AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS HUGEINT);

-- USD, rounded once, half up, to six places. HUGEINT holds 10^15 bytes at 1,000 USD per MB with room to spare.
CREATE OR REPLACE MACRO usd(billable, rate_per_mb, mb) AS
    CAST(
        CAST(
            (
                2 * CAST(billable AS HUGEINT)
                * nanos(rate_per_mb)
                + CAST(mb AS HUGEINT) * 1000
            ) // (2 * CAST(mb AS HUGEINT) * 1000)
        AS DECIMAL(18, 0)) * CAST('0.000001' AS DECIMAL(6, 6))
    AS DECIMAL(18, 6));

CREATE OR REPLACE MACRO hours_between(a, b) AS
    abs(epoch_us(a) - epoch_us(b)) / 3600000000;

-- When the period that ends at `period_end` began: at the end before it if that fits within a day, else counted back.
CREATE OR REPLACE MACRO period_start(period_end, previous_end, billingperiod) AS
    CASE
        WHEN hours_between(previous_end, period_end - to_days(CAST(30 * billingperiod AS INTEGER))) <= 24
            THEN previous_end
        ELSE period_end - to_days(CAST(30 * billingperiod AS INTEGER))
    END;

CREATE OR REPLACE MACRO last_second(of_day) AS
    CAST(of_day AS TIMESTAMP) + INTERVAL 86399 SECOND;

-- The end of the period that holds the day's last second, counted in whole periods from any known end of the SIM.
CREATE OR REPLACE MACRO stepped_period_end(known_end, of_day, billingperiod) AS
    known_end - to_days(CAST(
        30 * billingperiod * floor_div(
            epoch_us(known_end) - epoch_us(last_second(of_day)) - 1,
            CAST(30 * billingperiod AS BIGINT) * 86400000000
        ) AS INTEGER));

-- USD of each of `periods` periods that cost so much together, rounded half up to six places.
CREATE OR REPLACE MACRO per_period(amount, periods) AS
    CAST(
        CAST(floor_div(2 * (nanos(amount) // 1000) + periods, 2 * CAST(periods AS HUGEINT)) AS DECIMAL(18, 0))
        * CAST('0.000001' AS DECIMAL(6, 6))
    AS DECIMAL(18, 6));

-- USD of a period on a plan: its recurring amount, and what usage beyond the allowance comes to (all of it, where the
-- allowance is 0). What has no price adds nothing.
CREATE OR REPLACE MACRO period_cost(usage, allowance, rate_per_mb, recurring, increment, mb) AS
    coalesce(recurring, 0)
    + coalesce(usd(billable_bytes(greatest(0, usage - allowance), increment), rate_per_mb, mb), 0);

-- The same in DOUBLE, good to nine digits: to leave out what can't be the cheapest, never to say what something costs.
CREATE OR REPLACE MACRO about_cost(usage, allowance, rate_per_mb, recurring, increment, mb) AS
    CAST(recurring AS DOUBLE)
    + ceil(greatest(0, CAST(usage AS DOUBLE) - allowance) / increment) * increment / mb * CAST(rate_per_mb AS DOUBLE);
