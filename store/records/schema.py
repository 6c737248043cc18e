"""The tables of a store's SQLite database. This module imports nothing (see `store.records.glance`)."""

from __future__ import annotations


SCHEMA_VERSION = 3
"""SQLite's `user_version` of the database."""

VERDICTS = """
create table verdicts (
    id integer primary key,
    object integer not null references objects on delete cascade,
    key blob not null,
    action blob not null,
    output text not null,
    seen integer not null,
    rebuilt blob not null,
    conditions text not null,
    withdrawn integer not null
);
create index judged on verdicts (object);
"""
"""What became of building a result again (`store.records.verdicts`); since version 3."""

SCHEMA = (
    """
create table objects (
    id integer primary key autoincrement,
    path text not null unique,
    digest blob not null,
    size integer not null,
    nodes integer not null,
    registered integer not null,
    used integer not null,
    retention text not null,
    needs blob not null
);
create index spared on objects (retention, used) where retention <> 'result';

create table refs (
    referrer integer not null references objects on delete cascade,
    reference integer not null references objects on delete restrict,
    primary key (referrer, reference),
    check (reference < referrer)
) without rowid;
create index referrers on refs (reference);

create table derivers (
    object integer primary key references objects on delete cascade,
    deriver text not null
);

create table realisations (
    key blob not null,
    output text not null,
    object integer not null references objects on delete cascade,
    primary key (key, output)
) without rowid;
create index realised on realisations (object);

create table divergences (
    key blob not null,
    output text not null,
    kept text not null,
    other text not null,
    seen integer not null,
    primary key (key, output, other)
) without rowid;
"""
    + VERDICTS
)
