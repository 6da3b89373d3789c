-- Envelope encryption. A master key (KEK, outside the database, named by kek_id) wraps one data key per org; the data key
-- encrypts the org's secrets. Rotating the master key rewrites org_data_key alone.

create table org_data_key (
  org_id       uuid        primary key references org on delete cascade,
  kek_id       text        not null,
  nonce        bytea       not null check (octet_length(nonce) = 24),
  wrapped_key  bytea       not null,
  created_at   timestamptz not null default now()
);
create index org_data_key_kek_idx on org_data_key (kek_id);

-- One row per master key that has ever encrypted here. Start-up decrypts them, so a wrong keyring is refused before it can
-- write a row that the right one could not read.
create table keyring_canary (
  kek_id      text        primary key,
  nonce       bytea       not null check (octet_length(nonce) = 24),
  ciphertext  bytea       not null,
  created_at  timestamptz not null default now()
);
