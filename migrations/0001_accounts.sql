-- People, the orgs they belong to, and their signed-in browsers.

create table org (
  org_id      uuid        primary key,
  name        text        not null,
  created_at  timestamptz not null default now()
);

-- A person is above the tenants: one e-mail, any number of orgs. `email` is what they typed, `email_key` is what is compared.
create table user_account (
  user_id        uuid        primary key,
  email          text        not null,
  email_key      text        not null unique,
  password_hash  text        not null,
  created_at     timestamptz not null default now()
);

create table org_member (
  org_id      uuid        not null references org on delete cascade,
  user_id     uuid        not null references user_account on delete cascade,
  role        text        not null check (role in ('owner', 'admin', 'developer', 'billing', 'viewer')),
  created_at  timestamptz not null default now(),
  primary key (org_id, user_id)
);
create index org_member_user_idx on org_member (user_id, org_id);

-- Found by the SHA-256 of the cookie, so a copy of this table signs nobody in. A session belongs to a membership: removing
-- the member ends it.
create table session (
  token_hash    bytea       primary key check (octet_length(token_hash) = 32),
  session_id    uuid        not null unique,
  org_id        uuid        not null,
  user_id       uuid        not null,
  created_at    timestamptz not null default now(),
  last_seen_at  timestamptz not null default now(),
  ip            text        not null,
  user_agent    text        not null,
  aal           smallint    not null default 1 check (aal in (1, 2)),
  sudo_until    timestamptz,
  foreign key (org_id, user_id) references org_member (org_id, user_id) on delete cascade
) with (fillfactor = 80);
create index session_user_idx on session (user_id, last_seen_at);
create index session_member_idx on session (org_id, user_id);
