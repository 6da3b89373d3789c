-- Usage, from the edges' batches to months (crates/peal-store/src/usage). Counting is exact: a batch is applied once or not at all.
-- Partitions are made and dropped by usage/partitions.rs, which also says how long each table is kept.

-- One row per run of a node. last_seq is the guard: a batch is applied only as the successor of the last one.
create table meter_source (
  source_id   uuid        primary key,
  node_name   text        not null,
  started_at  timestamptz not null default now(),
  last_seq    bigint      not null default 0,
  last_at     timestamptz not null default now(),
  -- everything up to here has been reported
  covers_to   timestamptz not null,
  -- said good-bye, so nobody waits for it
  ended_at    timestamptz
) with (fillfactor = 50);

-- The ledger: what each batch added, by day and metric. {"2026-11-24": {"1": 12345}}
create table meter_batch (
  source_id    uuid        not null,
  seq          bigint      not null,
  received_at  timestamptz not null default now(),
  rows         integer     not null,
  sums         jsonb       not null,
  primary key (source_id, seq, received_at)
) partition by range (received_at);

-- Batches that are known to be missing, for the operator.
create table meter_gap (
  source_id    uuid        not null,
  from_seq     bigint      not null,
  -- null: not known how many
  to_seq       bigint,
  node_name    text        not null,
  reason       text        not null check (reason in ('behind_spool', 'spool_damaged')),
  new_source   uuid,
  noticed_at   timestamptz not null default now(),
  primary key (source_id, from_seq)
);

create table usage_minute (
  app_id  bigint      not null,
  ts      timestamptz not null,
  metric  smallint    not null,
  value   bigint      not null,
  primary key (app_id, ts, metric)
) partition by range (ts);

create table usage_breakdown (
  app_id     bigint      not null,
  ts         timestamptz not null,
  dimension  smallint    not null,
  metric     smallint    not null,
  label      text        not null,
  value      bigint      not null,
  primary key (app_id, ts, dimension, metric, label)
) partition by range (ts);

-- The most connections of a node within a slot of ten seconds.
create table conn_sample (
  app_id     bigint      not null,
  slot       timestamptz not null,
  source_id  uuid        not null,
  value      integer     not null,
  primary key (app_id, slot, source_id)
) partition by range (slot);

-- Per minute: the largest slot, each the sum over nodes.
create table usage_peak (
  app_id  bigint      not null,
  ts      timestamptz not null,
  peak    integer     not null,
  primary key (app_id, ts)
) partition by range (ts);

create table usage_hour (
  app_id  bigint      not null,
  ts      timestamptz not null,
  metric  smallint    not null,
  value   bigint      not null,
  primary key (app_id, metric, ts)
) partition by range (ts);

create table usage_day (
  app_id  bigint    not null,
  day     date      not null,
  metric  smallint  not null,
  value   bigint    not null,
  primary key (app_id, metric, day)
);

create view usage_month as
  select app_id, date_trunc('month', day::timestamp)::date as month, metric,
         -- 13 is peak_connections, the one that does not add up
         (case when metric = 13 then max(value) else sum(value) end)::bigint as value
    from usage_day
   group by app_id, month, metric;

-- Hours whose minutes changed since they were summed. Marking one must be `on conflict do update`: that locks the mark until the
-- batch commits. With `do nothing` a roll-up could take the mark and sum before the batch is visible, and nobody would sum again.
create table usage_dirty (
  app_id  bigint      not null,
  hour    timestamptz not null,
  primary key (app_id, hour)
) with (fillfactor = 50);
create index usage_dirty_hour_idx on usage_dirty (hour);

-- What came too late or from the future to be put where it belongs.
create table usage_adjustment (
  app_id       bigint      not null,
  source_id    uuid        not null,
  seq          bigint      not null,
  ts           timestamptz not null,
  metric       smallint    not null,
  value        bigint      not null,
  noticed_at   timestamptz not null default now(),
  primary key (app_id, source_id, seq, ts, metric)
);
