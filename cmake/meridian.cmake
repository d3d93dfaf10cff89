# Compiler settings of the whole tree, and the two functions by which folders declare themselves.

# For builds of everything from nothing: the headers of others are precompiled; eight sources of a
# library are one unit. scripts/test.sh sets both for the sanitizers' builds, which so take half the
# time. Not set otherwise: every other build tells when an include is missing, a changed source is
# compiled alone, and what users get is compiled from what each file says. (With release flags GCC 12
# also warns of what is inlined from precompiled headers.)
option(MERIDIAN_PCH "Precompile the headers of others" OFF)
option(MERIDIAN_BATCHED "Compile the libraries' sources in batches" OFF)
# These are compiled alone all the same: a name in an unnamed namespace of theirs is also one of
# another source of the folder. scripts/test.sh finds out what is missing here and adds it.
set(MERIDIAN_ALONE "" CACHE STRING "More sources that are compiled alone, as folder/source.cc")
set(alone
    admin/client_import.cc admin/coded_reply.cc admin/context.cc admin/offline_import.cc
    admin/request.cc admin/rrsets_resource.cc admin/tokens.cc dns/service_binding.cc dns/tsig.cc net/http.cc
    net/http_connection.cc net/tcp.cc net/tls.cc net/udp_client.cc net/udp_socket.cc server/dns_tcp_connection.cc zones/owner_index.cc
    zones/policy_document.cc zones/record_sorter.cc zones/records.cc zones/store_kv.cc
    zones/zone_assembly.cc zones/zone_diff.cc zones/zone_table.cc)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
    if(MERIDIAN_PCH)
        # What ccache's manual asks for with precompiled headers; without, it only compiles.
        set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_ctime,include_file_mtime
            ${CCACHE_PROGRAM})
    endif()
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(meridian_options INTERFACE)
target_compile_options(meridian_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wold-style-cast -Werror -fno-omit-frame-pointer)
# GCC 12 sees overlapping copies in std::string's operator+ at -O2 where there are none (its bug
# 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(meridian_options INTERFACE -Wno-restrict)
endif()
target_include_directories(meridian_options INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(meridian_options INTERFACE Threads::Threads)
if(MERIDIAN_SANITIZE)
    target_compile_options(meridian_options INTERFACE
        -fsanitize=${MERIDIAN_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(meridian_options INTERFACE -fsanitize=${MERIDIAN_SANITIZE})
endif()
# With its calls in between GCC 12 believes in copies past the end of a std::string's own octets.
if(MERIDIAN_SANITIZE MATCHES "thread")
    target_compile_options(meridian_options INTERFACE -Wno-array-bounds -Wno-stringop-overflow
        -Wno-stringop-overread)
endif()

# The code of the tests itself is not optimised: gtest's macros make so much of it that with the
# sanitizers' checks the optimiser took two thirds of all compiling, and each line runs but once. Its
# own null pointers and misaligned ones AddressSanitizer reports as well where they are used.
add_library(test_options INTERFACE)
if(MERIDIAN_SANITIZE)
    target_compile_options(test_options INTERFACE -O0)
endif()
if(MERIDIAN_SANITIZE MATCHES "undefined")
    target_compile_options(test_options INTERFACE -fno-sanitize=null,alignment)
endif()

if(MERIDIAN_PCH)
    # One set of headers for the libraries, one for the tests, each compiled once.
    set(standard_headers <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <cstdint>
        <cstdio> <cstdlib> <cstring> <deque> <filesystem> <fstream> <functional> <map> <memory> <mutex>
        <optional> <set> <span> <string> <string_view> <thread> <tl/expected.hpp> <utility> <vector>)
    file(WRITE ${CMAKE_BINARY_DIR}/pch/empty.cc "")
    add_library(library_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
    target_link_libraries(library_pch PRIVATE meridian_options)
    target_precompile_headers(library_pch PRIVATE ${standard_headers})
    # ccache sees from it that the compiler used a precompiled header.
    target_compile_options(meridian_options INTERFACE -fpch-preprocess)
endif()

# meridian_test_code(dns_tests): this program is a test's.
function(meridian_test_code name)
    # Behind meridian_options, whose flags these change.
    target_link_libraries(${name} PRIVATE test_options)
    if(NOT MERIDIAN_PCH)
        return()
    endif()
    if(NOT TARGET test_pch)
        add_library(test_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
        target_link_libraries(test_pch PRIVATE meridian_options test_options GTest::gtest)
        target_precompile_headers(test_pch PRIVATE ${standard_headers} <gtest/gtest.h>)
    endif()
    target_precompile_headers(${name} REUSE_FROM test_pch)
endfunction()

# meridian_library(dns LINK base PRIVATE PkgConfig::LDNS): the library of one folder. Every .cc of the folder
# belongs to it (main.cc apart); every header is in its public file set, so that
# all_verify_interface_header_sets proves that each header stands alone.
function(meridian_library name)
    cmake_parse_arguments(ARG "" "" "LINK;PRIVATE" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
    list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
    add_library(${name} STATIC ${sources})
    target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
    set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
    target_link_libraries(${name} PUBLIC meridian_options ${ARG_LINK} PRIVATE ${ARG_PRIVATE})
    if(MERIDIAN_BATCHED AND MERIDIAN_SANITIZE AND name STREQUAL "admin")
        # No query passes there, and of what it takes to compile half is the optimiser. Precompiled
        # headers have to be of the same flags.
        target_compile_options(${name} PRIVATE -O0)
        target_precompile_headers(${name} PRIVATE ${standard_headers})
    elseif(MERIDIAN_PCH)
        target_precompile_headers(${name} REUSE_FROM library_pch)
    endif()
    if(MERIDIAN_BATCHED)
        set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
        # A .cc that is included may hold what an unnamed namespace holds: nobody else includes it.
        target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
        foreach(source ${alone} ${MERIDIAN_ALONE})
            if(source MATCHES "^${name}/")
                set_source_files_properties(${PROJECT_SOURCE_DIR}/${source} PROPERTIES
                    SKIP_UNITY_BUILD_INCLUSION ON)
            endif()
        endforeach()
    endif()
endfunction()

# meridian_tests(dns LINK dns THREADS cache_test.cc): one gtest binary, dns_tests, of tests/dns/*.cc.
# Under ThreadSanitizer it consists of the sources in THREADS, in which threads meet, and of what is no
# *_test.cc; MERIDIAN_ALL_TESTS=ON takes all there too.
option(MERIDIAN_ALL_TESTS "ThreadSanitizer looks at tests of one thread too" OFF)
function(meridian_tests name)
    cmake_parse_arguments(ARG "" "" "LINK;THREADS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
    if(MERIDIAN_SANITIZE MATCHES "thread" AND ARG_THREADS AND NOT MERIDIAN_ALL_TESTS)
        list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
        list(TRANSFORM ARG_THREADS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
        list(APPEND sources ${ARG_THREADS})
    endif()
    if(NOT sources)
        return()
    endif()
    add_executable(${name}_tests ${sources})
    target_link_libraries(${name}_tests PRIVATE meridian_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_tests PRIVATE MERIDIAN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    meridian_test_code(${name}_tests)
    add_test(NAME ${name} COMMAND ${name}_tests)
endfunction()

# meridian_hot(message name): these sources of a folder are on the way of every query. In release
# builds they are compiled together when the program is linked, across folders: most of what they
# call of each other is a few instructions long. Only they: for all it would take minutes.
function(meridian_hot)
    if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        list(TRANSFORM ARGN APPEND .cc)
        set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-flto;-fno-fat-lto-objects")
    endif()
endfunction()
