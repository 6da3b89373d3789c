-- Who did what, written in the transaction of the change. Rows of an org form a hash chain: each holds the SHA-256 of itself
-- and of the row before it, and audit_head is the end of the chain and the lock that orders it.
-- `before` and `after` are json, not jsonb, because the hash covers their text.

create table audit_head (
  org_id  uuid   primary key references org,
  seq     bigint not null,
  hash    bytea  not null check (octet_length(hash) = 32)
);

create table audit_event (
  org_id      uuid        not null references org,
  seq         bigint      not null,
  at          timestamptz not null,
  actor_type  text        not null check (actor_type in ('user', 'key', 'operator', 'system')),
  actor_id    text        not null,
  session_id  uuid,
  ip          text,
  request_id  text,
  action      text        not null,
  target      text        not null,
  before      json,
  after       json,
  hash        bytea       not null check (octet_length(hash) = 32),
  primary key (org_id, seq)
);
create index audit_event_at_idx on audit_event (org_id, at);

create function audit_event_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit_event is append-only' using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_event_append_only before update or delete or truncate on audit_event
  for each statement execute function audit_event_is_append_only();
