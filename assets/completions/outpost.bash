# bash completion for outpost
_outpost() {
    local cur prev words cword split command= i
    _init_completion -s || return
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            --data-dir | --config | --server | --color) ((i++)) ;;
            -*) ;;
            *) command=${words[i]}; break ;;
        esac
    done
    case $prev in
        --data-dir) _filedir -d; return ;;
        --config | --password-file | --to | --rescue) _filedir; return ;;
        --color) COMPREPLY=($(compgen -W "auto never" -- "$cur")); return ;;
        --table) COMPREPLY=($(compgen -W "$(outpost tables 2>/dev/null | sed -n 's/^\([A-Za-z0-9_]*\):.*/\1/p')" -- "$cur")); return ;;
        --server | --user | --set | --find | --sort | --limit) return ;;
    esac
    local all="--data-dir --config --server --help --version" own=
    case $command in
        "") own="--color" ;;
        login) own="--user --password-file --sign-up --json" ;;
        add | edit) own="--set --table --json" ;;
        done | reopen | show | import) own="--table --json" ;;
        list) own="--open --done --all --find --sort --limit --table --json" ;;
        export) own="--table" ;;
        sync) own="--follow --json" ;;
        doctor) own="--repair --online --rescue --json" ;;
        queue) own="--set --to --yes --json" ;;
        logout | status) own="--json" ;;
        tables) own="--json --out --dir" ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$own $all" -- "$cur"))
        return
    fi
    local commands="login logout add edit done reopen list show import export sync queue status doctor tables help"
    case $command in
        "") COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        help) COMPREPLY=($(compgen -W "$commands config" -- "$cur")) ;;
        queue)
            if [[ $prev == queue ]]; then
                COMPREPLY=($(compgen -W "list show edit retry discard export" -- "$cur"))
            elif [[ $prev == export ]]; then
                _filedir
            fi ;;
        tables)
            if [[ $prev == --out ]]; then
                _filedir
            else
                COMPREPLY=($(compgen -W "convex" -- "$cur"))
            fi ;;
        import | export | doctor) _filedir ;;
    esac
} && complete -F _outpost outpost
