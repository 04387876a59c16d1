-- Codes become the sentences that the previous release writes. An amount keeps its code: the decimals
-- of its currency are not known here, and the previous release only shows the text.
create function pg_temp.review_sentences(reasons text) returns text language sql immutable as $$
    select string_agg(
        case
            when reason = 'amount missing' then 'the provider told no amount'
            when reason = 'expected amount unreadable' then 'what was asked does not read'
            when reason = 'unknown color' then 'the session names no color of ours'
            when reason = 'email missing' then 'the provider has no email address'
            when reason = 'a second payment' then 'a second payment for one attempt: it was ordered once and paid twice'
            when reason like 'other intent:%' then 'the session was paid by ' || split_part(reason, ':', 2) || ' too'
            when reason like 'refund failed:%' then 'refund ' || split_part(reason, ':', 2) || ' did not reach the customer'
            when reason like 'refund currency differs:%'
                then 'refund ' || split_part(reason, ':', 2) || ' is not in the currency that was charged'
            when reason like 'dispute lost:%' then 'dispute ' || split_part(reason, ':', 2) || ' was lost'
            else reason
        end, '; ' order by position)
    from unnest(string_to_array(reasons, '; ')) with ordinality as listed (reason, position)
$$;

update preorders
   set review_reason = pg_temp.review_sentences(review_reason), review_settled = pg_temp.review_sentences(review_settled)
 where review_reason is not null or review_settled is not null;

drop function pg_temp.review_sentences(text);
