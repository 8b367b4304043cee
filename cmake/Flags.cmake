# Language, warnings, hardening and instrumentation: the same for every target.

include(CheckCCompilerFlag)

option(OUTPOST_WERROR "Treat compiler warnings as errors" OFF)
option(OUTPOST_COVERAGE "Count which lines and branches run" OFF)
set(OUTPOST_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
set_property(CACHE OUTPOST_SANITIZE PROPERTY STRINGS "" address thread)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include_directories(${PROJECT_SOURCE_DIR})
add_compile_definitions(_GNU_SOURCE OUTPOST_VERSION="${PROJECT_VERSION}")
add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wimplicit-fallthrough
    -Wstrict-prototypes -Wmissing-prototypes -Wvla
)
if(OUTPOST_WERROR)
    add_compile_options(-Werror)
endif()

# Release keeps its asserts, and debug information for valgrind and core files (`cmake --install
# --strip` drops it).
set(CMAKE_C_FLAGS_RELEASE
    "-g -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE")
foreach(flag -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER HAVE${flag} have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
        string(APPEND CMAKE_C_FLAGS_RELEASE " ${flag}")
    endif()
endforeach()
set(CMAKE_EXE_LINKER_FLAGS_RELEASE "-pie -Wl,-z,relro,-z,now")

if(OUTPOST_SANITIZE STREQUAL "address")
    set(instrument -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(OUTPOST_SANITIZE STREQUAL "thread")
    set(instrument -fsanitize=thread)
elseif(OUTPOST_SANITIZE)
    message(FATAL_ERROR "OUTPOST_SANITIZE is address, thread or empty, not ${OUTPOST_SANITIZE}")
endif()
if(OUTPOST_COVERAGE)
    list(APPEND instrument --coverage -fprofile-update=atomic)
endif()
if(instrument)
    add_compile_options(${instrument})
    add_link_options(${instrument})
endif()
