-- What a repeated request is answered with. `fingerprint` is the SHA-256 of method, path and body; the answer may hold a new secret,
-- so it is encrypted with the org's data key. A row counts for 24 hours.

create table idempotency (
  org_id       uuid        not null references org on delete cascade,
  user_id      uuid        not null references user_account on delete cascade,
  key_hash     bytea       not null check (octet_length(key_hash) = 32),
  fingerprint  bytea       not null check (octet_length(fingerprint) = 32),
  nonce        bytea       check (octet_length(nonce) = 24),
  ciphertext   bytea,
  at           timestamptz not null default now(),
  primary key (org_id, user_id, key_hash)
);
create index idempotency_at_idx on idempotency (at);
