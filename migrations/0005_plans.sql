-- Plans are named here and defined in a file. An app stores only what it tightens.

alter table org add column plan text not null default 'free';
-- Whoever is here already came before there were plans and loses nothing by them.
update org set plan = 'unlimited';
update app set limits = '{}';
