-- What the edges serve: apps with their keys, rules and revocations.

-- The clock of the directory. Every change of an app takes the next version *in its own transaction*; the row lock makes
-- commits happen in version order, so an edge that has seen version V has seen every change up to V.
create table config_version (
  singleton  boolean primary key default true check (singleton),
  version    bigint  not null
) with (fillfactor = 50);
insert into config_version (version) values (1);

create table app (
  org_id       uuid        not null references org,
  app_id       bigint      not null unique check (app_id between 1 and 999999999999999),
  name         text        not null,
  environment  text        not null check (environment in ('development', 'production')),
  paused       boolean     not null default false,
  features     jsonb       not null default '{}',
  limits       jsonb       not null default '{}',
  default_rule jsonb       not null default '{}',
  version      bigint      not null,
  created_at   timestamptz not null default now(),
  deleted_at   timestamptz,
  primary key (org_id, app_id)
);
create index app_version_idx on app (version);

-- The secret is encrypted with the org's data key; its associated data names this row, so it opens nowhere else.
-- A console key signs the dashboard's own tokens and is never listed.
create table api_key (
  app_id           bigint      not null,
  key_id           text        not null unique,
  org_id           uuid        not null,
  name             text        not null,
  kind             text        not null default 'standard' check (kind in ('standard', 'console')),
  capabilities     jsonb       not null,
  allowed_origins  text[]      not null default '{}',
  nonce            bytea       not null check (octet_length(nonce) = 24),
  ciphertext       bytea       not null,
  created_by       uuid        references user_account on delete set null,
  created_at       timestamptz not null default now(),
  last_used_at     timestamptz,
  expires_at       timestamptz,
  revoked_at       timestamptz,
  primary key (app_id, key_id),
  foreign key (org_id, app_id) references app (org_id, app_id)
);
create unique index api_key_one_console_idx on api_key (app_id) where kind = 'console' and revoked_at is null;

-- The first pattern that matches wins; app.default_rule decides for the rest.
create table rule (
  app_id    bigint  not null references app (app_id),
  ordinal   integer not null check (ordinal >= 0),
  pattern   text    not null,
  settings  jsonb   not null default '{}',
  primary key (app_id, ordinal)
);

-- Deleted once every token it could refuse is dead (expires_at). `issued_before_s` (Unix seconds) is set for the kinds `client`
-- and `issued_before`, whose later time wins.
create table revocation (
  app_id           bigint      not null references app (app_id),
  kind             text        not null check (kind in ('key', 'client', 'token', 'issued_before')),
  value            text        not null,
  issued_before_s  bigint      check ((issued_before_s is not null) = (kind in ('client', 'issued_before'))),
  at               timestamptz not null default now(),
  expires_at       timestamptz not null,
  primary key (app_id, kind, value)
);
create index revocation_expiry_idx on revocation (expires_at);
