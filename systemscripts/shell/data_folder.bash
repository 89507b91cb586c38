# Where the data of an installation lie; for the scripts at the top level, which set $project.

find_data_folder() { # the environment, else the settings file (read, never sourced), else the project
    local line file=${ETL_ENV_FILE:-$project/config/.env}
    data=${ETL_DATA_DIR:-}
    if [[ -z $data && -r $file && -f $file ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?ETL_DATA_DIR[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
            data=${BASH_REMATCH[2]}
            case $data in
                \"*) data=${data#\"} && data=${data%%\"*} ;;
                \'*) data=${data#\'} && data=${data%%\'*} ;;
                *) data=${data%%[[:space:]]#*} && data=${data%"${data##*[![:space:]]}"} ;;
            esac
        done <"$file"
    fi
    data=${data:-$project}
}
