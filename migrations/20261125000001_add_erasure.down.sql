drop view preorders_decimal;

drop index webhook_logs_kept_idx;
drop index outbox_kept_idx;
drop index preorders_over_idx;
alter table preorders drop column erased_at;
alter table customers drop column erased_at;

create view preorders_decimal as
select p.*,
       (p.amount_minor::numeric / case
           when p.currency in ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf',
                               'xof', 'xpf') then 1
           when p.currency in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 1000
           else 100
       end)::numeric(24, 3) as amount
from preorders p;
