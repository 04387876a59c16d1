-- When what is personal in a row was taken away. It stays so, whatever is told of the order, or of the customer, later.
alter table preorders add column erased_at timestamptz;
alter table customers add column erased_at timestamptz;

-- What retention looks for, the oldest first.
create index webhook_logs_kept_idx on webhook_logs (processed_at)
    where status in ('done', 'ignored') and (raw_body is not null or raw_data is not null or email is not null);
create index outbox_kept_idx on outbox ((coalesce(sent_at, created_at)))
    where status in ('sent', 'withdrawn') and body <> '';
create index preorders_over_idx on preorders (updated_at, session_id)
    where status in ('delivered', 'refunded', 'cancelled', 'payment_failed') and erased_at is null;

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
