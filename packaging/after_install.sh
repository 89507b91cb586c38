#!/bin/sh
# dpkg runs this after it has put the files of a version in place: say what to type next. Nothing is set up here, since
# that asks a registry for packages, and dpkg must not wait for a network.
set -eu

folder=/opt/client_etl_workflow
[ "$1" = configure ] || exit 0
if [ -n "${2:-}" ]; then
    printf 'client-etl-workflow: to complete the upgrade from %s, type: sudo %s/install_dependencies.sh && sudo %s/configure_etl_user.sh\n' "$2" "$folder" "$folder"
else
    printf 'client-etl-workflow: to set it up, type: sudo %s/install_dependencies.sh && sudo %s/configure_etl_user.sh\n' "$folder" "$folder"
fi
