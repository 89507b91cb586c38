-- Label and date may be groups of file_pattern, dates of names may be months, weeks and quarters.
comment on column dba.timportconfig.metadata_label_location is 'Part of the file name (from 0) or group of file_pattern, column, or the label itself';
comment on column dba.timportconfig.datelocation is 'Part of the file name (from 0) or group of file_pattern, column, or the date itself';
comment on column dba.timportconfig.dateformat is 'Such as yyyyMMddTHHmmss, MMM yyyy, yyyy''Q''Q or YYYY''W''ww';
