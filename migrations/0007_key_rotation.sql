-- The key that a rotation put in this one's place.

alter table api_key add column replaced_by text;
