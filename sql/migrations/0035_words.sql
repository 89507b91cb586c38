-- Plain words in the comment of a view.
comment on view dba.v_missed_run is 'Which run was missed, and which one caught up: order by due_at desc';
