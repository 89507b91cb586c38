# Complete the words of an etl command without starting Python. Sourced by etl, which sets $project and $shorts.
#
# Options come from docs/reference.md, which a test compares with the scripts; names from the YAML files in config/.
# shellcheck shell=bash disable=SC2016,SC2154

complete_names() { # bash|zsh, or words WORD ...: what was typed after etl, of which the last is to be completed
    case ${1:-} in
        bash)
            printf '_etl() { mapfile -t COMPREPLY < <(%q completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); }\n' "$project/etl"
            # without a match: the files
            printf 'complete -o default -F _etl etl\n'
            ;;
        zsh)
            printf '_etl() {\n    local -a names\n'
            printf '    names=("${(@f)$(%q completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")\n' "$project/etl"
            printf '    if [[ -n $names[1] ]]; then compadd -- $names; else _files; fi\n}\ncompdef _etl etl\n'
            ;;
        words) list_candidates "${@:2}" ;;
        *) fail 2 "completion is for bash or zsh; type: eval \"\$(etl completion bash)\"" ;;
    esac
}

list_candidates() { # WORD ...: print what the last word may become, one name a line
    local -r current=${*: -1}
    local -a candidates=()
    if (($# <= 1)); then
        list_names
        candidates=(${shorts[@]+"${shorts[@]}"} ${scripts[@]+"${scripts[@]}"} completion upgrade --help --version)
    elif [[ $1 == completion ]]; then
        candidates=(bash zsh)
    elif [[ $1 == upgrade ]]; then
        candidates=(--back --in --wait --dry-run --help)
    elif resolve_name "$1"; then
        find_candidates "${@:2}"
    fi
    local name
    for name in ${candidates[@]+"${candidates[@]}"}; do
        [[ $name != "$current"* ]] || printf '%s\n' "$name"
    done
}

find_candidates() { # WORD ... after the name of the script: sets $candidates
    local script=${command[0]##*/} word
    script=${script%.py}
    local -r previous=${*: -2:1} current=${*: -1}
    local -a options=(--json --quiet --debug --wait --help) arguments=()
    local -A values=() takes_value=()
    local -i position=$((${#command[@]} - 1))
    read_options "$script"
    if [[ $# -gt 1 && -n ${takes_value[$previous]:-} ]]; then
        read -ra candidates <<<"${values[$previous]:-}"
        [[ $previous != --to ]] || list_files targets
        return
    fi
    if [[ $current == -* ]]; then
        candidates=("${options[@]}")
        return
    fi
    for word in "${@:1:$#-1}"; do
        [[ $word == -* ]] || position+=1
    done
    ((position < ${#arguments[@]})) || return 0
    word=${arguments[position]}
    if [[ -n ${values[$word]:-} ]]; then
        read -ra candidates <<<"${values[$word]}"
    else
        list_names_in_configuration "$script"
    fi
}

read_options() { # SCRIPT: adds to $options and $arguments, and fills $values and $takes_value
    local line inside='' name
    [[ -r $project/docs/reference.md ]] || return 0
    while IFS= read -r line; do
        if [[ $line == '## '* ]]; then
            [[ -z $inside ]] || break
            [[ $line != "## $1" ]] || inside=1
            continue
        fi
        [[ -n $inside && $line =~ ^\|\ \`([^\`]+)\`\ \|\ (.*)\|[^|]*\|$ ]] || continue
        name=${BASH_REMATCH[1]} line=${BASH_REMATCH[2]}
        if [[ $name == -* ]]; then
            options+=("${name%% *}")
            [[ $name != *' '* ]] || takes_value[${name%% *}]=1
        else
            arguments+=("$name")
        fi
        [[ ! $line =~ 'One of: '([^.]+)\. ]] || values[${name%% *}]=${BASH_REMATCH[1]//,/}
    done <"$project/docs/reference.md"
}

list_names_in_configuration() { # SCRIPT: sets $candidates: what it takes the name of
    case $1 in
        generic_import | apply_config | export_config | dataset_changes | datasets | sftp_pull | zip_archive) list_files imports ;;
        run_pipeline | schedule) list_files pipelines ;;
        send_report) list_files reports ;;
        sftp_push) list_files targets ;;
    esac
}

list_files() { # FOLDER of config/: sets $candidates
    local file
    for file in "$project/config/$1"/*.yaml; do
        [[ ! -e $file ]] || { file=${file##*/} && candidates+=("${file%.yaml}"); }
    done
}
