-- What must happen outside the database because of what happened in it. Rows are written in the same transaction as their
-- cause and sent by workers that lease them.
create table outbox (
    id           bigint generated always as identity primary key,
    kind         text not null,
    -- Says "once": a cause that is applied twice finds its row already there.
    dedupe_key   text not null constraint outbox_dedupe_key_key unique,
    -- Frozen when written: every attempt sends the same bytes.
    body         bytea not null,
    status       text not null default 'pending' check (status in ('pending', 'sent', 'parked')),
    attempts     integer not null default 0,
    -- When it may be tried (again); while it is being tried, until when it is leased.
    available_at timestamptz not null default now(),
    -- The fence: only the worker that holds this token may say how its attempt ended.
    lease_token  text,
    last_error   text,
    preorder_id  text references preorders (id),
    created_at   timestamptz not null default now(),
    sent_at      timestamptz
);

create index outbox_due_idx on outbox (kind, available_at) where status = 'pending';
create index outbox_preorder_id_idx on outbox (preorder_id);
