-- One query of somebody who may only read: the server itself takes it for one statement, or refuses it.

-- The text comes as a value, never as part of what the session runs, so `commit; begin; ...` is not a second statement
-- but an error. Being stable, the function lets nothing run that writes.
create function dba.open_query(query text, name refcursor) returns refcursor language plpgsql stable as $$
begin
    open name no scroll for execute query;
    return name;
end $$;
comment on function dba.open_query(text, refcursor) is
    'Opens a cursor for one query that only reads; several statements, or one that is not a query, are refused';
