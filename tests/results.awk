# Reads what `ctest -V` prints and writes one line for each test case: `pass NAME/CASE` or `fail
# NAME/CASE`. Cases are cmocka's; a program that has none of them, but ends with `N passed, N
# failed`, counts by that line; any other program is one case. A program that failed although no
# case of it did is a case as well.

function strip(line) { sub(/^[0-9]+: /, "", line); return line }

/^ *Start +[0-9]+: / {
    number = $2; sub(/:$/, "", number)
    name[number] = $3
}

/^[0-9]+: \[       OK \] / {
    n = $1; sub(/:$/, "", n)
    line = strip($0); sub(/^\[       OK \] /, "", line)
    print "pass " name[n] "/" line
    cases[n]++
}

/^[0-9]+: \[  FAILED  \] / {
    n = $1; sub(/:$/, "", n)
    line = strip($0); sub(/^\[  FAILED  \] /, "", line)
    if (line !~ /^[0-9]+ test\(s\)/) {
        print "fail " name[n] "/" line
        cases[n]++; failures[n]++
    }
}

/^[0-9]+: [0-9]+ passed, [0-9]+ failed/ {
    n = $1; sub(/:$/, "", n)
    passed[n] = $2; failed[n] = $4
}

# A run that --repeat will follow with another has no `1/20` before it.
/^ *([0-9]+\/[0-9]+ +)?Test +#[0-9]+: / {
    n = $0; sub(/^[^#]*#/, "", n); sub(/:.*/, "", n)
    # A test that passes because its program reports a failure (PASS_REGULAR_EXPRESSION, WILL_FAIL) is one case.
    if (failed[n] > 0 && $0 ~ / Passed +[0-9.]+ sec/) { passed[n] = failed[n] = 0 }
    if (!cases[n] && passed[n] + failed[n] > 0) {
        for (i = 1; i <= passed[n]; i++) print "pass " name[n] "/" i
        for (i = 1; i <= failed[n]; i++) print "fail " name[n] "/failed-" i
        cases[n] = passed[n] + failed[n]; failures[n] = failed[n]
    }
    if ($0 ~ /\*\*\*Skipped/) next
    if ($0 ~ / Passed +[0-9.]+ sec/) {
        if (!cases[n]) print "pass " name[n]
    } else if (!failures[n]) {
        print "fail " name[n] "/program"
    }
}
