# Find the data folder of an installation, for the scripts at the top level, which set $project.

find_setting() { # NAME: sets $value from the settings file (read, never sourced), or empty
    local line
    local -r file=${ETL_ENV_FILE:-$project/config/.env}
    value=''
    [[ -r $file && -f $file ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
        value=${BASH_REMATCH[2]}
        case $value in
            \"*) value=${value#\"} && value=${value%%\"*} ;;
            \'*) value=${value#\'} && value=${value%%\'*} ;;
            *) value=${value%%[[:space:]]#*} && value=${value%"${value##*[![:space:]]}"} ;;
        esac
    done <"$file"
}

find_data_folder() { # sets $data: from the environment, else the settings file, else the project folder
    local value=${ETL_DATA_DIR:-}
    [[ -n $value ]] || find_setting ETL_DATA_DIR
    # shellcheck disable=SC2034  # for the script that sources this
    data=${value:-$project}
}
