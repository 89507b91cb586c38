-- A report reads all rows of its query: planned for the first tenth of them, as cursors are, it took up to six times as long.
alter function dba.open_query(text, refcursor) set cursor_tuple_fraction = 1;
comment on function dba.open_query(text, refcursor) is
    'Opens a cursor for one query: several statements, or one that is not a query, are refused. That it writes nothing is '
    'the read-only transaction''s doing, around it';
