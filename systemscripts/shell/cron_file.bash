# Which file of /etc/cron.d is this installation's; as systemscripts/schedules/own_cron_file.py finds it. For
# configure_etl_user.sh, which offers fail and sets $project.
# shellcheck disable=SC2034,SC2154  # what configure_etl_user.sh sets and uses

find_cron_file() { # leaves $cron_file, and in $mark the line that names this installation
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

cron_file_owner() { # FILE: prints the line that names the installation it starts, if it starts one
    local line wrapper='' variables=''
    [[ -f $1 && -r $1 ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        case $line in
            '# Installation: '*) printf '%s' "$line" && return ;;
            ETL_ENV_FILE=* | ETL_DATA_DIR=*) variables+=" $line" ;;
            '#'*) ;;
            *"'/"*"/run_python_etl_script.sh' "*) # of a version before that line
                wrapper=/${line#*"'/"} && wrapper=${wrapper%%"/run_python_etl_script.sh'"*}
                ;;
            *' /'*'/run_python_etl_script.sh '*) wrapper=/${line#*' /'} && wrapper=${wrapper%%/run_python_etl_script.sh *} ;;
        esac
    done <"$1"
    [[ -z $wrapper ]] || printf '# Installation: %s%s' "${wrapper//\\%/%}" "$variables"
}

check_cron_file() { # another installation's file is neither overwritten nor removed
    local owner
    owner=$(cron_file_owner "$cron_file")
    [[ -z $owner || $owner == "$mark" ]] ||
        fail 78 "$cron_file starts another installation, ${owner#'# Installation: '}; leave ETL_CRON_FILE unset, or if that installation is gone run: sudo rm $cron_file"
}

other_cron_files() { # prints the cron files of other installations
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
