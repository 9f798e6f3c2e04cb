-- The rows of a day's FOCUS export; `focus.py` says what each column means. Grain: org_id, linkid, period, charge and, of
-- corrections, superseded_at. Inputs: temp tables focus_periods and focus_corrections. Parameter: $day. DECIMAL throughout.
-- What FOCUS wants to be the product of price and quantity is that product, unrounded; what is billed is rounded once.
WITH periods AS (
    SELECT
        * REPLACE (
            date_trunc('second', period_start) AS period_start,
            date_trunc('second', period_end) AS period_end,
            date_trunc('second', complete_through) AS complete_through
        ),
        -- FALSE where pricing.mb_bytes was set to something else, or the rate of a closed period is not known any more.
        coalesce(usage_cost = usd(billable_bytes, overage_rate_per_mb, 1000000), FALSE) AS is_per_mb
    FROM focus_periods
    WHERE period_start IS NOT NULL AND period_end IS NOT NULL
),
charges AS (
    SELECT
        org_id, linkid, period_status, NULL AS charge_class, 'recurring' AS kind, device_name, tags, plan_id, plan_name, tier,
        zone, period_start AS billing_start, period_end AS billing_end, period_start AS charge_start, period_end AS charge_end,
        complete_through, NULL AS usage_source, included_bytes, NULL AS usage_bytes, NULL AS billable_bytes,
        recurring_amount AS billed, CAST(1 AS DECIMAL(19, 6)) AS quantity, 'SIMs' AS unit,
        CAST(recurring_amount AS DECIMAL(18, 9)) AS price, NULL AS superseded_at
    FROM periods
    WHERE recurring_amount IS NOT NULL AND plan_id IS NOT NULL
    UNION ALL
    SELECT
        org_id, linkid, period_status, NULL, CASE WHEN included_bytes = 0 THEN 'usage' ELSE 'overage' END, device_name, tags,
        plan_id, plan_name, tier, zone, period_start, period_end, period_start,
        -- Before the first load of a new period nothing was seen of it, and no period is empty.
        greatest(
            least(coalesce(complete_through, CAST($day AS TIMESTAMP) + INTERVAL 1 DAY), period_end),
            period_start + INTERVAL 1 SECOND),
        complete_through, usage_source, included_bytes, usage_bytes, billable_bytes, usage_cost,
        CASE WHEN is_per_mb THEN CAST(billable_bytes * CAST('0.000001' AS DECIMAL(6, 6)) AS DECIMAL(19, 6)) ELSE 1 END,
        CASE WHEN is_per_mb THEN 'MB' ELSE 'Units' END,
        CASE WHEN is_per_mb THEN overage_rate_per_mb ELSE CAST(usage_cost AS DECIMAL(18, 9)) END,
        NULL
    FROM periods
    WHERE usage_cost IS NOT NULL AND plan_id IS NOT NULL
    UNION ALL
    -- Two versions may differ in price, quantity or plan, so a correction is cost only: without SKU price there is no
    -- quantity to multiply.
    SELECT
        org_id, linkid, 'Closed', 'Correction', kind, device_name, tags, plan_id, plan_name, NULL, zone,
        date_trunc('second', open_start), date_trunc('second', open_end),
        date_trunc('second', period_start), date_trunc('second', period_end), date_trunc('second', period_end),
        CASE WHEN kind <> 'recurring' THEN usage_source END, included_bytes,
        CASE WHEN kind <> 'recurring' THEN usage_change END, CASE WHEN kind <> 'recurring' THEN billable_change END,
        billed, NULL, NULL, NULL, superseded_at
    FROM (
        SELECT *, 'recurring' AS kind, recurring_change AS billed FROM focus_corrections
        UNION ALL
        SELECT *, CASE WHEN included_bytes = 0 THEN 'usage' ELSE 'overage' END, usage_cost_change FROM focus_corrections
    )
    WHERE billed <> 0
),
ordered AS (
    SELECT *, coalesce(nullif(trim(plan_name), ''), CAST(plan_id AS VARCHAR), 'unknown') AS plan
    FROM charges
    ORDER BY org_id, linkid, charge_start, charge_end, charge_class NULLS FIRST, superseded_at, kind
)
SELECT
    CAST(billed AS DECIMAL(18, 6)) AS BilledCost,
    CAST(org_id AS VARCHAR) AS BillingAccountId,
    CAST(NULL AS VARCHAR) AS BillingAccountName,
    'USD' AS BillingCurrency,
    billing_end AS BillingPeriodEnd,
    billing_start AS BillingPeriodStart,
    CASE WHEN kind = 'recurring' THEN 'Purchase' ELSE 'Usage' END AS ChargeCategory,
    charge_class AS ChargeClass,
    CASE WHEN charge_class IS NULL THEN '' ELSE 'Correction: ' END
    || CASE kind
        WHEN 'recurring' THEN 'Fee of plan '
        WHEN 'overage' THEN 'Data beyond the allowance of plan '
        ELSE 'Data paid as used on plan '
    END
    || plan
    || CASE
        WHEN unit = 'MB' THEN ' at ' || rtrim(rtrim(CAST(price AS VARCHAR), '0'), '.') || ' USD per MB' ELSE ''
    END AS ChargeDescription,
    CASE WHEN kind = 'recurring' THEN 'Recurring' ELSE 'Usage-Based' END AS ChargeFrequency,
    charge_end AS ChargePeriodEnd,
    charge_start AS ChargePeriodStart,
    CASE WHEN kind <> 'recurring' AND charge_class IS NULL THEN CAST(usage_bytes AS DECIMAL(19, 0)) END AS ConsumedQuantity,
    CASE WHEN kind <> 'recurring' AND charge_class IS NULL AND usage_bytes IS NOT NULL THEN 'B' END AS ConsumedUnit,
    CAST(coalesce(price * quantity, billed) AS DECIMAL(38, 15)) AS ContractedCost,
    CAST(price AS DECIMAL(18, 9)) AS ContractedUnitPrice,
    CAST(billed AS DECIMAL(18, 6)) AS EffectiveCost,
    'Hologram' AS HostProviderName,
    CAST(NULL AS VARCHAR) AS InvoiceDetailId,
    CAST(NULL AS VARCHAR) AS InvoiceId,
    'Hologram' AS InvoiceIssuerName,
    CAST(coalesce(price * quantity, billed) AS DECIMAL(38, 15)) AS ListCost,
    CAST(price AS DECIMAL(18, 9)) AS ListUnitPrice,
    CASE WHEN price IS NOT NULL THEN 'Standard' END AS PricingCategory,
    CAST(quantity AS DECIMAL(19, 6)) AS PricingQuantity,
    unit AS PricingUnit,
    CAST(linkid AS VARCHAR) AS ResourceId,
    CASE WHEN trim(device_name) <> '' THEN device_name END AS ResourceName,
    'SIM' AS ResourceType,
    'Networking' AS ServiceCategory,
    'Hologram Cellular Connectivity' AS ServiceName,
    'Hologram' AS ServiceProviderName,
    'Network Connectivity' AS ServiceSubcategory,
    plan_id || '/' || kind AS SkuId,
    CASE WHEN plan_id IS NOT NULL THEN
        CASE kind WHEN 'recurring' THEN 'Plan Fee' WHEN 'overage' THEN 'Data Overage' ELSE 'Data Usage' END
    END AS SkuMeter,
    CAST(NULL AS VARCHAR) AS SkuPriceDetails,
    CASE WHEN price IS NOT NULL THEN concat_ws('/', plan_id, kind, coalesce(tier, ''), coalesce(zone, '')) END AS SkuPriceId,
    tags AS Tags,
    CAST(billable_bytes AS BIGINT) AS x_BillableBytes,
    complete_through AS x_CompleteThrough,
    CAST(included_bytes AS BIGINT) AS x_IncludedBytes,
    period_status AS x_PeriodStatus,
    plan_id AS x_PlanId,
    CASE WHEN trim(plan_name) <> '' THEN plan_name END AS x_PlanName,
    CASE WHEN trim(zone) <> '' THEN zone END AS x_PricingZone,
    CAST($day AS TIMESTAMP) AS x_ReportDay,
    date_trunc('second', CAST(superseded_at AS TIMESTAMP)) AS x_SupersededAt,
    CAST(usage_bytes AS BIGINT) AS x_UsageBytes,
    usage_source AS x_UsageSource
FROM ordered
