-- Spellings as in src/domain; new values are added with ALTER TYPE … ADD VALUE, none is ever removed.
create type product_color as enum ('Honey Khaki', 'Sakura Pink', 'Healing Green', 'Moonlight Grey', 'Red');
create type preorder_status as enum
    ('awaiting_payment', 'payment_failed', 'cancelled', 'paid', 'shipped', 'delivered', 'refunded');

create table preorders (
    id                text primary key,
    user_id           text,
    -- Empty only when the provider had none; such a preorder needs review.
    email             text not null,
    -- Null only when the checkout session named no color of ours; such a preorder needs review.
    color             product_color,
    status            preorder_status not null,
    -- The preorder's key: whatever arrives about a session, and however often, is about this row.
    session_id        text constraint preorders_session_id_key unique,
    payment_intent_id text,
    -- Minor units with the provider's exponent for the currency.
    amount_minor      bigint check (amount_minor >= 0),
    currency          text check (currency ~ '^[a-z]{3}$'),
    preorder_number   text not null constraint preorders_preorder_number_key unique
                      check (preorder_number ~ '^ROL-[0-9A-HJKMNP-TV-Z]{8}$'),
    shipping_address  jsonb,
    locale            text,
    tracking_number   text,
    livemode          boolean not null default false,
    refunded_minor    bigint not null default 0 check (refunded_minor >= 0),
    needs_review      boolean not null default false,
    review_reason     text,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);

create index preorders_payment_intent_id_idx on preorders (payment_intent_id);
create index preorders_email_idx on preorders (lower(email));
create index preorders_created_at_idx on preorders (created_at desc, id);

-- Amounts in major units for people and dashboards; the exponents are Stripe's (https://docs.stripe.com/currencies).
create view preorders_decimal as
select p.*,
       (p.amount_minor::numeric / case
           when p.currency in ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf',
                               'xof', 'xpf') then 1
           when p.currency in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 1000
           else 100
       end)::numeric(24, 3) as amount
from preorders p;
