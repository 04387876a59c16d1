drop table webhook_logs;
drop type webhook_status;
