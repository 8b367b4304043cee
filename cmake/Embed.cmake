# outpost_embed(TARGET SYMBOL FILE): builds the bytes of FILE into TARGET. Its sources, and those of
# what links it, then have
#
#     #include "embed/SYMBOL.h"
#     extern const char SYMBOL[];         the bytes, and a NUL that is not counted
#     extern const size_t SYMBOL_len;
#
# Made again when FILE changes. A symbol belongs to one target.

set(OUTPOST_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/EmbedScript.cmake)

function(outpost_embed target symbol file)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    set(include ${PROJECT_BINARY_DIR}/generated/${target})
    set(made ${include}/embed/${symbol})
    add_custom_command(
        OUTPUT ${made}.c ${made}.h
        COMMAND ${CMAKE_COMMAND} -DSYMBOL=${symbol} -DFILE=${file} -DMADE=${made}
                -P ${OUTPOST_EMBED_SCRIPT}
        DEPENDS ${file} ${OUTPOST_EMBED_SCRIPT}
        COMMENT "Embedding ${symbol}"
        VERBATIM
    )
    target_sources(${target} PRIVATE ${made}.c ${made}.h)
    target_include_directories(${target} PUBLIC ${include})
endfunction()
