-- The month's quota of an org (crates/peal-store/src/quota.rs). Months are calendar months in UTC.

-- Billable messages of an app. Each batch adds to it behind its guard, in the transaction that adds its minutes.
create table quota_used (
  app_id    bigint  not null,
  month     date    not null,
  messages  bigint  not null,
  primary key (app_id, month)
) with (fillfactor = 50);

-- When a share of what was included was first used. A larger plan in the same month is crossed anew.
create table quota_crossing (
  org_id      uuid         not null references org on delete cascade,
  month       date         not null,
  included    bigint       not null,
  percent     smallint     not null,
  crossed_at  timestamptz  not null default now(),
  primary key (org_id, month, included, percent)
);

-- What this month has used so far: hours that are summed, and the minutes of those that are marked.
insert into quota_used (app_id, month, messages)
  select app_id, date_trunc('month', ts at time zone 'UTC')::date, sum(value)
    from (select app_id, ts, value from usage_hour hour
           where metric in (1, 2, 6, 7) and ts >= date_trunc('month', now(), 'UTC')
             and not exists (select from usage_dirty dirty where dirty.app_id = hour.app_id and dirty.hour = hour.ts)
          union all
          select minute.app_id, minute.ts, minute.value
            from usage_dirty dirty
            join usage_minute minute on minute.app_id = dirty.app_id and minute.ts >= dirty.hour and minute.ts < dirty.hour + interval '1 hour'
           where minute.metric in (1, 2, 6, 7) and minute.ts >= date_trunc('month', now(), 'UTC')) as used
   group by 1, 2;
