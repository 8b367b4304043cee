# Every library that is not ours, as a target dep::NAME. cmake/packages.txt lists the packages that
# hold them.

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Only libraries and include folders are taken from pkg-config: the feature macros that some of its
# files carry (_XOPEN_SOURCE from ncursesw) are ours to set.
function(outpost_dependency name module)
    pkg_check_modules(dep_${name} REQUIRED IMPORTED_TARGET ${module})
    add_library(dep::${name} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(dep::${name} INTERFACE ${dep_${name}_LINK_LIBRARIES})
    if(dep_${name}_INCLUDE_DIRS)
        target_include_directories(dep::${name} INTERFACE ${dep_${name}_INCLUDE_DIRS})
    endif()
endfunction()

outpost_dependency(sqlite3 sqlite3)
outpost_dependency(curl libcurl)
outpost_dependency(cjson libcjson)
outpost_dependency(ncursesw ncursesw)
outpost_dependency(microhttpd libmicrohttpd)
outpost_dependency(sodium libsodium)
outpost_dependency(zlib zlib)
outpost_dependency(inih inih)
outpost_dependency(utf8proc libutf8proc)
outpost_dependency(mnl libmnl)
outpost_dependency(openssl openssl)
if(BUILD_TESTING)
    outpost_dependency(cmocka cmocka)
    outpost_dependency(vterm vterm)
endif()

add_library(dep::threads INTERFACE IMPORTED GLOBAL)
target_link_libraries(dep::threads INTERFACE Threads::Threads)
