#!/bin/sh
# dpkg runs this after it has removed its files: take away what Python compiled beside them. Settings, data, database,
# user and cron file stay until configure_etl_user.sh --remove, which is to be run before the removal.
set -eu

folder=/opt/client_etl_workflow
[ "$1" = remove ] || [ "$1" = purge ] || exit 0
[ ! -d "$folder" ] || find "$folder" -xdev -depth -name __pycache__ -type d -exec rm -rf -- {} +
[ ! -d "$folder" ] || find "$folder" -xdev -depth -mindepth 1 -type d -empty -delete
printf 'client-etl-workflow: data and settings are kept\n'
