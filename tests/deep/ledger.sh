# The ledger of the long campaigns: a line for each slice. Figures may be summed over commits that did not touch
# what they test. To be sourced, from the root of the repository.
#
# campaign<TAB>date<TAB>commit<TAB>seeds<TAB>count<TAB>violations
ledger=tests/deep/ledger.tsv

# The seed after the last one that a campaign used.
ledger_next() {
    awk -F '\t' -v campaign="$1" '$1 == campaign { split($4, range, "-"); if (range[2] > last) last = range[2] }
        END { print last + 1 }' "$ledger"
}

# ledger_add CAMPAIGN SEEDS COUNT VIOLATIONS
ledger_add() {
    local commit
    commit=$(git rev-parse --short=12 HEAD)
    # What is built may be more than what is committed.
    if [ -n "$(git status --porcelain -- base db sync ui src cmake)" ]; then commit+=+; fi
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(date -u +%F)" "$commit" "$2" "$3" "$4" >>"$ledger"
}
