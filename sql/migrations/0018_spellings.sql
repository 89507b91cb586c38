-- What columns and reading may declare since numbers, dates and booleans have more spellings.
comment on column dba.timportconfig.schema is 'Declared columns: type, formats (with language, pivot), decimal, thousands, currency, percent, negative, true, false, null, values, checks ...';
comment on column dba.timportconfig.reading is 'How to read the file where its content does not say it: header_row, sheet, encoding ...; and how all columns are written: decimal, thousands, currency, negative, language, pivot, true, false, null_markers';
