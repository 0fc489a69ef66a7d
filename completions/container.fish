# Completion of container(1) for fish. All that it knows of options and steps is what `container --help` says.

function __container_offers
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l help (command $words[1] --help 2>/dev/null | string collect)
    or return
    set -l steps (string match -rg '\nSteps:((?:.|\n)*?)\n\n' -- $help | string split -n ' ')

    # The options: what must follow each, what may follow its =, and its line of help.
    set -l names
    set -l next
    set -l inline
    set -l texts
    for line in (string split \n -- $help)
        set -l found (string match -r '^ {2,6}(-[a-zA-Z]|)(?:, |)(--[a-z-]+)(?:\[=|)([a-z]+|)\]?( [^ ]+|) +(.*)$' -- $line)
        or continue
        for name in $found[2] $found[3]
            test -n "$name"; or continue
            set -a names $name
            set -a next (string trim -- $found[5])
            set -a inline (string trim -- "$found[4]$found[5]")
            set -a texts $found[6]
        end
    end

    # What stands before the current word: options, their values, and operands.
    set -l wanted ''
    set -l ended ''
    set -l operands
    for word in $words[2..]
        if test -n "$wanted"
            set wanted ''
        else if test -n "$ended"; or not string match -q -- '-*' $word
            set ended yes
            set -a operands $word
        else if test "$word" = --
            set ended yes
        else if string match -q -- '--*' $word
            set -l index (contains -i -- $word $names); and set wanted $next[$index]
        else
            set -l letters (string split '' -- $word)
            for position in (seq 2 (count $letters))
                set -l index (contains -i -- -$letters[$position] $names); or continue
                test -n "$next[$index]"; or continue
                test $position = (count $letters); and set wanted $next[$index]
                break
            end
        end
    end
    set -l prefix ''
    if test -z "$wanted$ended"; and string match -q -- '--*=*' $current
        set prefix (string replace -r '=.*' '=' -- $current)
        set -l index (contains -i -- (string trim -r -c = -- $prefix) $names); and set wanted $inline[$index]
        test -n "$wanted"; or set wanted none
        set current (string replace -r '^[^=]*=' '' -- $current)
    end

    set -l state /tmp/container
    test (id -u) = 0; or set state $state-(id -u)
    test -n "$CONTAINER_STATE"; and set state $CONTAINER_STATE
    set -l images images
    test -n "$CONTAINER_IMAGES"; and set images $CONTAINER_IMAGES
    switch $wanted
        case FILE 'HOST:*'
            string replace -r '^' -- $prefix (__fish_complete_path $current)
        case 'NAME[=*'
            string replace -r -- '^(.*)$' "$prefix\$1=" (set -xn)
        case STEP
            printf '%s\n' $prefix$steps
        case host plain
            echo $prefix$wanted
        case ''
            if test -z "$ended"; and string match -q -- '-*' $current
                for index in (seq (count $names))
                    printf '%s\t%s\n' $names[$index] $texts[$index]
                end
            else if test (count $operands) = 0
                path basename -- $state/*/
            else if test (count $operands) = 1
                path basename -- $images/*/
            else if test (count $operands) = 2
                path basename -- $images/$operands[2]/{,usr/,usr/local/}{bin,sbin}/*
            end
    end
end

complete -c container -f -a '(__container_offers)'
