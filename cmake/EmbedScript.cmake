# Run by outpost_embed: writes MADE.c and MADE.h with the bytes of FILE as SYMBOL.

file(READ ${FILE} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR len "${digits} / 2")

# Character constants, because bytes over 0x7F as plain numbers do not fit a signed char.
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
string(REGEX REPLACE "('[^']*','[^']*','[^']*','[^']*','[^']*','[^']*','[^']*','[^']*',)"
       "    \\1\n" bytes "${bytes}")

file(WRITE ${MADE}.h
"#ifndef EMBED_${SYMBOL}_H
#define EMBED_${SYMBOL}_H

#include <stddef.h>

extern const char ${SYMBOL}[];
extern const size_t ${SYMBOL}_len;

#endif
")
file(WRITE ${MADE}.c
"#include \"embed/${SYMBOL}.h\"

const char ${SYMBOL}[] = {
${bytes}'\\0'
};
const size_t ${SYMBOL}_len = ${len};
")
