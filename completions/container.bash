# Completion of container(1) for bash. All that it knows of options and steps is what `container --help` says.

# shellcheck shell=bash

_container() {
    local words=() word rest key letters help
    COMPREPLY=()

    # bash splits words at = and : as well. What has no blank before it belongs to the word before.
    rest=${COMP_LINE#*"${COMP_WORDS[0]}"}
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ -z $rest || $rest == [[:blank:]]* ]]; then words+=("$word"); else words[-1]+=$word; fi
        rest=${rest#*"$word"}
    done
    local current=${words[-1]}
    unset 'words[-1]'

    # The options: what must follow each, and what may follow its =.
    local -A next=() inline=()
    local form='^ {2,6}((-[a-zA-Z]), )?(--[a-z-]+)(\[=([a-z]+)\])?( ([^ ]+))? '
    help=$("$1" --help 2>/dev/null) || return
    while IFS= read -r rest; do
        [[ $rest =~ $form ]] || continue
        for key in "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"; do
            [[ -z $key ]] || next[$key]=${BASH_REMATCH[7]} inline[$key]=${BASH_REMATCH[7]}${BASH_REMATCH[5]}
        done
    done <<<"$help"
    local steps=${help##*$'\n'Steps:}
    steps=${steps%%$'\n\n'*}

    # What stands before the current word: options, their values, and operands.
    local wanted='' ended='' operands=()
    for word in "${words[@]}"; do
        if [[ $wanted ]]; then
            wanted=''
        elif [[ $ended || $word != -* ]]; then
            ended=1 operands+=("$word")
        elif [[ $word == -- ]]; then
            ended=1
        elif [[ $word == --* ]]; then
            wanted=${next[$word]-}
        else
            for ((letters = 1; letters < ${#word}; letters++)); do
                wanted=${next[-${word:letters:1}]-}
                [[ -z $wanted ]] || break
            done
            ((letters >= ${#word} - 1)) || wanted=''
        fi
    done
    if [[ -z $wanted$ended && $current == --*=* ]]; then
        wanted=${inline[${current%%=*}]:-none}
        current=${current#*=}
    fi

    local state=${CONTAINER_STATE:-/tmp/container} images=${CONTAINER_IMAGES:-images}
    [[ ${CONTAINER_STATE-} || $EUID == 0 ]] || state+=-$EUID
    local offers=()
    case $wanted in
    FILE | HOST:*)
        compopt -o filenames -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    NAME\[*)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -A export -- "$current")
        return
        ;;
    STEP) read -ra offers -d '' <<<"$steps" ;;
    host | plain) offers=("$wanted") ;;
    '')
        if [[ -z $ended && $current == -* ]]; then
            offers=("${!next[@]}")
        elif ((${#operands[@]} == 0)); then
            mapfile -t offers < <(cd "$state" 2>/dev/null && compgen -d)
        elif ((${#operands[@]} == 1)); then
            mapfile -t offers < <(cd "$images" 2>/dev/null && compgen -d)
        elif ((${#operands[@]} == 2)); then
            mapfile -t offers < <(cd "$images/${operands[1]}" 2>/dev/null && shopt -s nullglob &&
                printf '%s\n' {,usr/,usr/local/}{bin,sbin}/*)
            offers=("${offers[@]##*/}")
        fi
        ;;
    esac
    # An image may hold files of any name: no word is offered that the shell would take for more than a word.
    for word in "${offers[@]}"; do
        [[ -z $word || $word != "$current"* || $word == *[^A-Za-z0-9_.+-]* ]] || COMPREPLY+=("$word")
    done
}

complete -F _container container
