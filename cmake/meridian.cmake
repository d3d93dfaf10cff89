# Compiler settings of the whole tree, and the two functions by which folders declare themselves.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
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
endfunction()

# meridian_tests(dns LINK dns): one gtest binary, dns_tests, of tests/dns/*.cc.
function(meridian_tests name)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
    if(NOT sources)
        return()
    endif()
    add_executable(${name}_tests ${sources})
    target_link_libraries(${name}_tests PRIVATE meridian_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_tests PRIVATE MERIDIAN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
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
