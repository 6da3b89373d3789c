-- Counts the changes of an app's rules, so that an editor who read an older list is told instead of overwriting a newer one.

alter table app add column rules_version bigint not null default 1;
