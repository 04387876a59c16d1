-- Reasons for review are stored as codes instead of sentences, so that rewording a sentence changes
-- no decision. Another release may write sentences during a deployment; the program reads both.
create function pg_temp.review_codes(reasons text) returns text language sql immutable as $$
    select string_agg(
        case
            when reason = 'the provider told no amount' then 'amount missing'
            when reason = 'what was asked does not read' then 'expected amount unreadable'
            when reason = 'the session names no color of ours' then 'unknown color'
            when reason = 'the provider has no email address' then 'email missing'
            when reason = 'a second payment for one attempt: it was ordered once and paid twice' then 'a second payment'
            when reason ~ '^the session was paid by [A-Za-z0-9_-]+ too$'
                then 'other intent:' || substring(reason from '^the session was paid by ([A-Za-z0-9_-]+) too$')
            when reason ~ '^refund [A-Za-z0-9_-]+ did not reach the customer$'
                then 'refund failed:' || split_part(reason, ' ', 2)
            when reason ~ '^refund [A-Za-z0-9_-]+ is not in the currency that was charged$'
                then 'refund currency differs:' || split_part(reason, ' ', 2)
            when reason ~ '^dispute [A-Za-z0-9_-]+ was lost$' then 'dispute lost:' || split_part(reason, ' ', 2)
            -- A decimal without its point is the number of minor units.
            when reason ~ '^paid [0-9.]+ [a-z]{3}, asked [0-9.]+ [a-z]{3}$'
                then format('amount differs:%s %s:%s %s',
                            replace(split_part(reason, ' ', 2), '.', '')::bigint, rtrim(split_part(reason, ' ', 3), ','),
                            replace(split_part(reason, ' ', 5), '.', '')::bigint, split_part(reason, ' ', 6))
            else reason
        end, '; ' order by position)
    from unnest(string_to_array(reasons, '; ')) with ordinality as listed (reason, position)
$$;

update preorders
   set review_reason = pg_temp.review_codes(review_reason), review_settled = pg_temp.review_codes(review_settled)
 where review_reason is not null or review_settled is not null;

drop function pg_temp.review_codes(text);
