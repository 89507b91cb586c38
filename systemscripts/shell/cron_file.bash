# Find this installation's file in /etc/cron.d, by the rules of systemscripts/schedules/own_cron_file.py. For
# configure_etl_user.sh, which has the function fail and sets $project.
# shellcheck disable=SC2034,SC2154  # set or used by configure_etl_user.sh

find_cron_file() { # sets $cron_file, and $mark, the line that names this installation
    local word file short
    local -r folder=/etc/cron.d
    mark="# Installation: $project${ETL_ENV_FILE:+ ETL_ENV_FILE=$ETL_ENV_FILE}${ETL_DATA_DIR:+ ETL_DATA_DIR=$ETL_DATA_DIR}"
    cron_file=${ETL_CRON_FILE:-}
    [[ -z $cron_file ]] || return 0
    for cron_file in "$folder"/etl_jobs*; do
        [[ $(cron_file_owner "$cron_file") != "$mark" ]] || return 0
    done
    word=${ETL_ENV_FILE:+${ETL_ENV_FILE##*/}}
    word=${word%.env}
    word=${word:-${project##*/}}
    word=${word//[^A-Za-z0-9_-]/_}
    short=$(printf '%s' "$mark" | sha256sum)
    for file in "$folder/etl_jobs" "$folder/etl_jobs_${word:0:40}" "$folder/etl_jobs_${word:0:40}_${short:0:6}"; do
        cron_file=$file
        [[ -n $(cron_file_owner "$file") ]] || return 0
    done
}

cron_file_owner() { # FILE: print the line that names its installation, if it has one
    local line wrapper='' variables=''
    [[ -f $1 && -r $1 ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        case $line in
            '# Installation: '*) printf '%s' "$line" && return ;;
            ETL_ENV_FILE=* | ETL_DATA_DIR=*) variables+=" $line" ;;
            '#'*) ;;
            *"'/"*"/run_python_etl_script.sh' "*) # from a version without that line
                wrapper=/${line#*"'/"} && wrapper=${wrapper%%"/run_python_etl_script.sh'"*}
                ;;
            *' /'*'/run_python_etl_script.sh '*) wrapper=/${line#*' /'} && wrapper=${wrapper%%/run_python_etl_script.sh *} ;;
        esac
    done <"$1"
    [[ -z $wrapper ]] || printf '# Installation: %s%s' "${wrapper//\\%/%}" "$variables"
}

check_cron_file() { # fail if the file belongs to another installation
    local owner
    owner=$(cron_file_owner "$cron_file")
    [[ -z $owner || $owner == "$mark" ]] ||
        fail 78 "$cron_file belongs to another installation, ${owner#'# Installation: '}; unset ETL_CRON_FILE, or if that installation no longer exists run: sudo rm $cron_file"
}

other_cron_files() { # print the cron files of other installations
    local file owner
    for file in /etc/cron.d/etl_jobs*; do
        owner=$(cron_file_owner "$file")
        [[ -z $owner || $owner == "$mark" ]] || printf '%s ' "$file"
    done
}

is_shared() { # whether another environment runs from this project folder
    local file owner
    for file in $(other_cron_files); do
        owner=$(cron_file_owner "$file")
        [[ $owner != "# Installation: $project" && $owner != "# Installation: $project ETL_"* ]] || return 0
    done
    return 1
}
