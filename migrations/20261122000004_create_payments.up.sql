-- What is known of payments beside their preorders. Facts may come before the checkout session that explains them, so these rows
-- are keyed by the provider's own ids and point at no preorder: a preorder finds them by its payment intent.
alter table preorders
    add column provider       text not null default 'stripe',
    -- The customer's intention to buy; several sessions may share it.
    add column attempt        text,
    add column completed_at   timestamptz,
    -- SHA-256 of the token that opens the customer's page of this order.
    add column access_hash    text check (access_hash ~ '^[0-9a-f]{64}$'),
    -- Another preorder of the same attempt was paid before this one.
    add column second_payment boolean not null default false,
    -- The reasons for review that a person has looked at; `review_reason` has those that are open.
    add column review_settled text;

-- A reason that somebody had cleared by hand stays cleared.
update preorders set review_settled = review_reason, review_reason = null where not needs_review and review_reason is not null;

create index preorders_attempt_idx on preorders (attempt) where attempt is not null;
create index preorders_waiting_idx on preorders (created_at) where status = 'awaiting_payment';

create table payments (
    payment_intent_id text primary key,
    provider          text not null,
    status            text not null check (status in ('waiting', 'processing', 'cancelled', 'succeeded')),
    amount_minor      bigint check (amount_minor >= 0),
    currency          text check (currency ~ '^[a-z]{3}$'),
    -- Whether a checkout of this shop made it, as far as is known.
    ours              boolean not null,
    failed_at         timestamptz,
    failure_code      text,
    -- The most that the charge was ever told to have given back.
    refunded_minor    bigint not null check (refunded_minor >= 0),
    livemode          boolean not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);

create table refunds (
    id                text primary key,
    provider          text not null,
    payment_intent_id text not null,
    amount_minor      bigint not null check (amount_minor >= 0),
    currency          text not null check (currency ~ '^[a-z]{3}$'),
    status            text not null check (status in ('pending', 'requires_action', 'succeeded', 'cancelled', 'failed')),
    -- Whether it was pending or succeeded at any time, and whether it had succeeded: a refund may fail after that.
    counted           boolean not null,
    succeeded         boolean not null,
    reason            text,
    failure           text,
    livemode          boolean not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create index refunds_payment_intent_id_idx on refunds (payment_intent_id);
create index refunds_waiting_idx on refunds (created_at) where status in ('pending', 'requires_action');

create table disputes (
    id                text primary key,
    provider          text not null,
    payment_intent_id text not null,
    amount_minor      bigint not null check (amount_minor >= 0),
    currency          text not null check (currency ~ '^[a-z]{3}$'),
    status            text not null check (status in ('warning_needs_response', 'warning_under_review', 'warning_closed',
                                                      'needs_response', 'under_review', 'prevented', 'won', 'lost')),
    funds             text not null check (funds in ('untouched', 'withdrawn', 'reinstated')),
    reason            text not null,
    -- Until when evidence is taken.
    due_by            timestamptz,
    livemode          boolean not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create index disputes_payment_intent_id_idx on disputes (payment_intent_id);
create index disputes_open_idx on disputes (due_by) where status not in ('warning_closed', 'prevented', 'won', 'lost');

-- Copies of what the provider has, as new as the newest that was told: (told_at, finality) only grows.
create table customers (
    id         text primary key,
    provider   text not null,
    email      text,
    name       text,
    deleted    boolean not null,
    livemode   boolean not null,
    told_at    timestamptz not null,
    finality   smallint not null,
    updated_at timestamptz not null default now()
);

create table subscriptions (
    id                     text primary key,
    provider               text not null,
    customer_id            text,
    status                 text not null,
    price_id               text,
    quantity               bigint,
    paused                 boolean not null default false,
    cancel_at_period_end   boolean not null default false,
    current_period_end     timestamptz,
    livemode               boolean not null,
    told_at                timestamptz not null,
    finality               smallint not null,
    -- How the latest invoice ended; told by events of its own, which may come before the subscription's.
    latest_invoice_id      text,
    latest_invoice_paid    boolean,
    latest_invoice_told_at timestamptz,
    updated_at             timestamptz not null default now()
);

-- How far the books were compared with the provider's: everything begun before `mark` has been. `cursor` is the place inside a
-- pass that was interrupted.
create table reconcile_marks (
    provider text not null,
    scope    text not null,
    mark     timestamptz not null,
    passing  timestamptz,
    cursor   text,
    primary key (provider, scope)
);

-- Differences that nothing explained and nothing repaired. Each comparison looks at them again and takes away what agrees.
create table reconcile_differences (
    provider text not null,
    scope    text not null,
    id       text not null,
    number   text,
    what     text not null,
    found_at timestamptz not null default now(),
    primary key (provider, id)
);

-- Work that only one instance does at a time.
create table leases (
    name  text primary key,
    token text not null,
    until timestamptz not null
);

-- What a message is about, to be looked at again when it is sent; a message whose cause no longer holds is withdrawn.
alter table outbox
    add column consequence text,
    drop constraint outbox_status_check,
    add constraint outbox_status_check check (status in ('pending', 'sent', 'parked', 'withdrawn'));

drop view preorders_decimal;
create view preorders_decimal as
select p.*,
       (p.amount_minor::numeric / case
           when p.currency in ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf',
                               'xof', 'xpf') then 1
           when p.currency in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 1000
           else 100
       end)::numeric(24, 3) as amount
from preorders p;
