create type webhook_status as enum ('received', 'processing', 'done', 'ignored', 'failed', 'parked');

-- Inbox and log in one: a row is committed before its event is acknowledged, together with all that follows from it.
create table webhook_logs (
    id                 bigint generated always as identity primary key,
    event              text not null,
    provider           text not null,
    status             webhook_status not null,
    -- The provider's event id, or `sha256:…` of a body that has none.
    stripe_event_id    text constraint webhook_logs_stripe_event_id_key unique,
    preorder_id        text references preorders (id),
    email              text,
    klaviyo_event_sent boolean not null default false,
    error              text,
    -- Null where the body is not JSON that jsonb can hold (bad UTF-8, NUL); raw_body always is what was signed.
    raw_data           jsonb,
    raw_body           bytea,
    attempts           integer not null default 1,
    -- When a failed event may be tried again; while one is being tried, until when it is leased.
    available_at       timestamptz not null default now(),
    received_at        timestamptz not null default now(),
    processed_at       timestamptz
);

create index webhook_logs_due_idx on webhook_logs (available_at) where status in ('received', 'processing', 'failed');
create index webhook_logs_preorder_id_idx on webhook_logs (preorder_id);
create index webhook_logs_received_at_idx on webhook_logs (received_at desc);
