# fish completion for outpost
set -l commands login logout add edit done reopen list show import export sync queue status tables help

complete -c outpost -f
complete -c outpost -l data-dir -r -a '(__fish_complete_directories)' -d 'Where accounts and tasks are kept'
complete -c outpost -l config -rF -d 'The config file'
complete -c outpost -l server -x -d 'The server to talk to'
complete -c outpost -s h -l help -d 'Show help'
complete -c outpost -s V -l version -d 'Show the version'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -l color -x -a 'auto never' -d 'Colours on the screen'

complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a login -d 'Sign in on this device'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a logout -d 'Sign out; what is not sent is kept'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a add -d 'Add a record'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a edit -d 'Change columns of records'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a done -d 'Mark records as done'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a reopen -d 'Mark records as not done'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a list -d 'List records'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a show -d 'Show one record'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a import -d 'Import records from JSON Lines'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a export -d 'Write all records as JSON Lines'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a sync -d 'Send and get everything now'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a queue -d 'What waits to be sent, and why'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a status -d 'Account, network, what waits'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a tables -d 'The tables and their columns'
complete -c outpost -n "not __fish_seen_subcommand_from $commands" -a help -d 'Help on a command or the config file'

complete -c outpost -n '__fish_seen_subcommand_from login' -l user -x -d 'Who signs in'
complete -c outpost -n '__fish_seen_subcommand_from login' -l password-file -rF -d 'The password is its first line'
complete -c outpost -n '__fish_seen_subcommand_from login' -l sign-up -d 'Make the account'
complete -c outpost -n '__fish_seen_subcommand_from add edit' -l set -x -d 'Set a column: COL=VALUE'
complete -c outpost -n '__fish_seen_subcommand_from add edit done reopen list show import export' -l table -x -d 'The table'
complete -c outpost -n '__fish_seen_subcommand_from login logout add edit done reopen list show import sync queue status tables' -l json -d 'Print JSON'
complete -c outpost -n '__fish_seen_subcommand_from list' -l open -d 'What is to be done'
complete -c outpost -n '__fish_seen_subcommand_from list' -l done -d 'What is done'
complete -c outpost -n '__fish_seen_subcommand_from list' -l all -d 'Both'
complete -c outpost -n '__fish_seen_subcommand_from list' -l find -x -d 'Words that occur'
complete -c outpost -n '__fish_seen_subcommand_from list' -l sort -x -d 'The order'
complete -c outpost -n '__fish_seen_subcommand_from list' -l limit -x -d 'At most so many'
complete -c outpost -n '__fish_seen_subcommand_from sync' -l follow -d 'Stay and sync'
complete -c outpost -n '__fish_seen_subcommand_from queue' -a 'list show retry export'
complete -c outpost -n '__fish_seen_subcommand_from import export' -F
complete -c outpost -n '__fish_seen_subcommand_from help' -a "$commands config"
