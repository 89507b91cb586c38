# The names of the scripts, for run_python_etl_script.sh and etl, which set $project.
# shellcheck shell=bash disable=SC2034,SC2154

list_names() { # sets $scripts
    local file
    scripts=()
    for file in "$project"/jobscripts/[a-z]*.py; do
        [[ ! -e $file ]] || { file=${file##*/} && scripts+=("${file%.py}"); }
    done
}

count_differences() { # WORD WORD: sets $letters, the number of different letters
    local one=$1 other=$2 i j cost next corner
    local -a row
    for ((j = 0; j <= ${#other}; j++)); do row[j]=$j; done
    for ((i = 1; i <= ${#one}; i++)); do
        corner=${row[0]}
        row[0]=$i
        for ((j = 1; j <= ${#other}; j++)); do
            cost=1
            [[ ${one:i-1:1} != "${other:j-1:1}" ]] || cost=0
            next=$((corner + cost))
            corner=${row[j]}
            ((row[j] >= next)) || next=$((row[j] + 1))
            ((row[j - 1] >= next)) || next=$((row[j - 1] + 1))
            row[j]=$next
        done
    done
    letters=${row[${#other}]}
}

find_nearest() { # WORD KNOWN ...: sets $nearest, the known word that looks most like it; empty if none does
    local -r word=${1:0:60}
    local known least=$(((${#word} + 1) / 2 + 1))
    ((least <= 5)) || least=5
    nearest=''
    for known in "${@:2}"; do
        count_differences "$word" "$known"
        # the beginning of a name is not yet a mistake
        [[ ${#word} -lt 3 || $known != "$word"* ]] || letters=1
        ((letters >= least)) || { least=$letters && nearest=$known; }
    done
}
