drop view preorders_decimal;
drop table preorders;
drop type preorder_status;
drop type product_color;
